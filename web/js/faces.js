// The faces of one frame: a click chooses one by setting the node's widgets.

import { clamp, make } from "./elements.js"

export class Faces {
  // content: as the node tells it; point: what a click beside all faces sets, if it may; choose: is told widgets
  constructor(content, point, { fileUrl, words, choose }) {
    Object.assign(this, { content, point, words, choose })
    const [width, height] = content.size
    this.picture = make("img", { src: fileUrl(content.picture), alt: "", draggable: "false" })
    this.boxes = content.faces.map((face, place) => this.box(face, place, width, height))
    this.say = make("p", { "aria-live": "polite" }, words.choose)
    this.frame = make(
      "div", { class: "retalk-frame", style: `--shape: ${width} / ${height}`, on: { click: event => this.hit(event) } },
      this.picture, ...this.boxes,
    )
    this.element = make("div", { class: "retalk-faces" }, this.frame, this.say)
    this.picture.addEventListener("error", () => this.element.remove())
    this.mark(content.chosen)
  }

  box(face, place, width, height) {
    const [left, top, right, bottom] = face.box
    const share = (value, whole) => `${value / whole * 100}%`
    const style = `left:${share(left, width)};top:${share(top, height)};`
      + `width:${share(right - left, width)};height:${share(bottom - top, height)}`
    const name = `${this.words.face} ${place + 1}`
    return make("button", { type: "button", style, title: name, "aria-label": name, "data-place": place })
  }

  hit(event) {
    const chosen = event.target.closest("button")
    if (chosen) return this.take(Number(chosen.dataset.place))
    if (!this.point) return
    const { left, top, width, height } = this.frame.getBoundingClientRect()
    const place = (part, whole, pixels) => Math.round(clamp(part / whole, 0, 1) * (pixels - 1))
    const [x, y] = [place(event.clientX - left, width, this.content.size[0]), place(event.clientY - top, height, this.content.size[1])]
    this.set({ ...this.point.sets, [this.point.x]: x, [this.point.y]: y }, -1)
  }

  take(place) {
    const { sets } = this.content.faces[place]
    if (!Object.keys(sets).length) this.say.textContent = this.words.outOfReach
    else this.set(sets, place)
  }

  set(widgets, place) {
    this.choose(widgets)
    this.mark(place)
    this.say.textContent = this.words.chosen
  }

  mark(chosen) {
    this.boxes.forEach((box, place) => box.setAttribute("aria-pressed", String(place === chosen)))
  }
}
