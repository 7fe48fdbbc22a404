// Elements of a page, made in one call.

export function make(tag, options = {}, ...children) {
  const element = document.createElement(tag)
  const { class: names, on = {}, ...attributes } = options
  if (names) element.className = names
  for (const [name, value] of Object.entries(attributes)) {
    if (value === true) element.setAttribute(name, "")
    else if (value !== undefined && value !== false && value !== null) element.setAttribute(name, value)
  }
  for (const [event, react] of Object.entries(on)) element.addEventListener(event, react)
  element.append(...children)
  return element
}

export function button(words, sign, react, more = {}) {
  return make("button", { type: "button", title: words, "aria-label": words, on: { click: react }, ...more }, sign)
}

const SVG = "http://www.w3.org/2000/svg"

export function draw(tag, attributes = {}, ...children) {
  const element = document.createElementNS(SVG, tag)
  for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, value)
  element.append(...children)
  return element
}

export function clamp(value, low, high) {
  return Math.min(Math.max(value, low), high)
}

// Minutes, seconds and thousandths, as reports have them.
export function timecode(seconds) {
  const thousandths = Math.max(0, Math.round(seconds * 1000))
  const [minutes, rest] = [Math.floor(thousandths / 60000), thousandths % 60000]
  return `${minutes}:${(rest / 1000).toFixed(3).padStart(6, "0")}`
}
