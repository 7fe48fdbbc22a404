// What lasts on a node: its words, to scroll and to copy, with a link to its help; the result; faces to choose.

import { button, make } from "./elements.js"
import { Faces } from "./faces.js"
import { Player } from "./player.js"

const LEAST = { text: 96, time: 34, chart: 82, doubts: 60, player: 300, faces: 256 } // pixels of height
const TOP = 34 // pixels, of the line above the words
const [LINE, LETTERS] = [17, 44] // pixels of height, and how many letters surely fit beside each other

export class Panel {
  // host: fileUrl(file), helpUrl, words, choose(widgets), resized(panel)
  constructor(host) {
    this.host = host
    const { words } = host
    this.status = make("span", { class: "retalk-status", role: "status" })
    this.badge = make("span", { class: "retalk-badge", hidden: true }, words.preview)
    this.copying = button(words.copy, words.copy, () => this.copy())
    const help = make("a", { href: host.helpUrl, target: "_blank", rel: "noopener" }, words.help)
    this.text = make("pre", { class: "retalk-text", tabindex: 0, "aria-label": words.report, "data-capture-wheel": "true" })
    this.body = make("div", { class: "retalk-body" })
    this.element = make(
      "div", { class: "retalk", "data-capture-wheel": "true" },
      this.body, make("div", { class: "retalk-top" }, this.badge, this.status, this.copying, help), this.text,
    )
    keepFromCanvas(this.element, this.text)
  }

  get leastHeight() {
    const { player, faces } = this.content || {}
    const parts = [
      "text", ...(player ? ["player", player.chart ? "chart" : "time"] : []), ...(player?.doubts?.length ? ["doubts"] : []),
      ...(faces ? ["faces"] : []),
    ]
    return parts.reduce((height, part) => height + (part === "text" ? this.textHeight : LEAST[part]), TOP)
  }

  // A few words need less room than a report.
  get textHeight() {
    const lines = this.text.textContent.split("\n").map(line => Math.max(Math.ceil(line.length / LETTERS), 1))
    return Math.min(lines.reduce((sum, each) => sum + each, 0) * LINE + 16, LEAST.text)
  }

  get isWide() { return !!(this.content?.player || this.content?.faces) }

  say(words) {
    this.status.textContent = words
  }

  show(content) {
    this.player?.close()
    this.content = content
    this.text.textContent = content.text
    this.say("")
    this.badge.hidden = !content.badge
    this.player = content.player && new Player(content.player, { ...this.host, badge: content.badge })
    const faces = content.faces && new Faces(content.faces, content.point, this.host)
    this.body.replaceChildren(...[this.player, faces].filter(Boolean).map(each => each.element))
    this.text.style.minHeight = `${this.textHeight}px`
    this.element.style.minHeight = `${this.leastHeight}px`
    this.host.resized(this)
  }

  async copy() {
    const done = await copied(this.text)
    if (!done) return
    this.copying.textContent = this.host.words.copied
    setTimeout(() => { this.copying.textContent = this.host.words.copy }, 1500)
  }

  close() {
    this.player?.close()
  }
}

// Pages that came by plain HTTP from another machine have no clipboard of their own.
async function copied(element) {
  try {
    await navigator.clipboard.writeText(element.textContent)
    return true
  } catch {
    getSelection().selectAllChildren(element)
    return document.execCommand("copy")
  }
}

// The canvas below would move, zoom, delete and copy nodes by what is meant for the panel.
function keepFromCanvas(element, scrolls) {
  const names = ["pointerdown", "pointermove", "pointerup", "mousedown", "dblclick", "keydown", "copy", "contextmenu", "touchstart"]
  for (const name of names) element.addEventListener(name, event => event.stopPropagation())
  scrolls.addEventListener("wheel", event => {
    if (scrolls.scrollHeight > scrolls.clientHeight) event.stopPropagation()
  })
}
