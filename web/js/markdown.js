// As much Markdown as the help pages use, as elements: nothing in a page becomes markup by itself.

import { make } from "./elements.js"

const INLINE = /`([^`]+)`|\*\*(.+?)\*\*|\*(.+?)\*|!\[([^\]]*)\]\(([^)]+)\)|\[([^\]]+)\]\(([^)]+)\)|(<br>)/g

export function page(text, base) {
  const lines = text.replace(/<!--.*?-->/gs, "").split("\n")
  const found = []
  while (lines.length) {
    const line = lines.shift()
    const heading = line.match(/^(#{1,4}) (.*)/)
    if (heading) found.push(make(`h${heading[1].length}`, {}, ...inline(heading[2], base)))
    else if (line.startsWith("|")) found.push(table([line, ...takeWhile(lines, each => each.startsWith("|"))], base))
    else if (/^\s*[*-] /.test(line)) found.push(list([line, ...takeWhile(lines, each => /^\s*[*-] /.test(each))], base))
    else if (line.trim()) found.push(make("p", {}, ...inline(line, base)))
  }
  return found
}

function takeWhile(lines, fits) {
  const found = []
  while (lines.length && fits(lines[0])) found.push(lines.shift())
  return found
}

function list(lines, base) {
  return make("ul", {}, ...lines.map(line => make("li", {}, ...inline(line.replace(/^\s*[*-] /, ""), base))))
}

function table(lines, base) {
  const rows = lines.filter(line => !/^[|\s:-]+$/.test(line)).map((line, index) => {
    const cells = line.replace(/^\||\|\s*$/g, "").split("|")
    return make("tr", {}, ...cells.map(cell => make(index ? "td" : "th", {}, ...inline(cell.trim(), base))))
  })
  return make("table", {}, ...rows)
}

function inline(text, base) {
  const found = []
  let place = 0
  for (const match of text.matchAll(INLINE)) {
    found.push(text.slice(place, match.index), mark(match, base))
    place = match.index + match[0].length
  }
  return [...found, text.slice(place)]
}

function mark([, code, bold, slanted, alt, src, words, href], base) {
  if (code) return make("code", {}, code)
  if (bold) return make("b", {}, ...inline(bold, base))
  if (slanted) return make("i", {}, ...inline(slanted, base))
  if (src) return make("img", { src: new URL(src, base).href, alt })
  if (href) return make("a", { href: new URL(href, base).href, rel: "noopener" }, words)
  return make("br")
}
