// Two clips at the same moments: wiped or side by side, by frame, in a loop, with sound and a time line.

import { Chart } from "./chart.js"
import { button, clamp, make, timecode } from "./elements.js"
import { Pair } from "./pair.js"

const CLICK = 4 // pixels; a pointer that moves farther drags

export class Player {
  // content: as the node tells it; fileUrl: the address of a file; words: the editor's language
  constructor(content, { fileUrl, words, badge = "" }) {
    this.words = words
    const names = content.names || ["before", "after"]
    this.before = video(fileUrl(content.before), () => this.fail())
    this.after = video(fileUrl(content.after), () => this.fail())
    this.pair = new Pair(this.after, this.before, content.rate, content.seconds)
    this.chart = new Chart(content, words, time => this.pair.jump(time))
    this.stage = this.makeStage(names, badge)
    this.element = make(
      "div", { class: "retalk-player", tabindex: 0, "data-mode": "wipe", on: { keydown: event => this.press(event) } },
      this.stage, this.chart.element, this.makeBar(content.finished && fileUrl(content.finished)),
    )
    this.wipe(50)
    this.pair.addEventListener("change", () => this.show())
    this.pair.seek(0)
  }

  makeStage(names, badge) {
    this.divider = make("div", {
      class: "retalk-divider", role: "slider", tabindex: 0, "aria-label": this.words.divider,
      "aria-valuemin": 0, "aria-valuemax": 100, on: { keydown: event => this.pressDivider(event) },
    })
    const marks = names.map((name, side) => make(
      "span", { class: `retalk-name retalk-${side ? "right" : "left"}` }, this.words[name] || name,
    ))
    const badges = badge ? [make("span", { class: "retalk-badge" }, this.words.preview)] : []
    const stage = make("div", { class: "retalk-stage" }, this.before, this.after, this.divider, ...marks, ...badges)
    stage.addEventListener("pointerdown", event => this.grab(event))
    stage.addEventListener("pointermove", event => this.drag(event))
    stage.addEventListener("pointerup", event => this.release(event))
    this.after.addEventListener("loadedmetadata", () => {
      stage.style.setProperty("--shape", `${this.after.videoWidth} / ${this.after.videoHeight}`)
    })
    return stage
  }

  makeBar(finished) {
    const words = this.words
    this.clock = make("span", { class: "retalk-clock" })
    this.playing = button(words.play, "▶", () => this.pair.toggle())
    this.looping = button(words.loop, "↻ 1s", () => this.pair.toggleLoop(), { "aria-pressed": "false" })
    this.mode = button(words.side, "◫", () => this.switchMode())
    this.sound = button(words.sound, "♪", () => this.switchSound(), { "aria-pressed": "true" })
    const link = finished
      ? [make("a", { href: finished, target: "_blank", title: words.open, "aria-label": words.open }, "⤢")]
      : []
    return make(
      "div", { class: "retalk-bar" },
      button(words.back, "◂|", () => this.pair.step(-1)), this.playing, button(words.on, "|▸", () => this.pair.step(1)),
      this.looping, this.mode, this.sound, this.clock, ...link,
    )
  }

  wipe(share) {
    this.share = clamp(share, 0, 100)
    this.stage.style.setProperty("--wipe", `${this.share}%`)
    this.divider.setAttribute("aria-valuenow", this.share.toFixed(0))
  }

  grab(event) {
    if (event.button > 0) return
    this.stage.setPointerCapture(event.pointerId)
    this.from = { x: event.clientX, moved: false }
  }

  drag(event) {
    if (!this.from || !this.stage.hasPointerCapture(event.pointerId)) return
    this.from.moved ||= Math.abs(event.clientX - this.from.x) > CLICK
    const { left, width } = this.stage.getBoundingClientRect()
    if (this.from.moved) this.wipe((event.clientX - left) / Math.max(width, 1) * 100)
  }

  release() {
    if (this.from && !this.from.moved) this.pair.toggle()
    this.from = null
  }

  press(event) {
    if (event.ctrlKey || event.metaKey || event.altKey) return
    const onButton = event.target.closest("button, a") && [" ", "Enter"].includes(event.key)
    const acts = {
      " ": () => this.pair.toggle(), ArrowLeft: () => this.pair.step(-1), ArrowRight: () => this.pair.step(1),
      Home: () => this.pair.jump(0), End: () => this.pair.jump(this.pair.seconds),
      l: () => this.pair.toggleLoop(), w: () => this.switchMode(), m: () => this.switchSound(),
    }
    const act = acts[event.key.length === 1 ? event.key.toLowerCase() : event.key]
    if (!act || onButton) return
    event.preventDefault()
    act()
  }

  pressDivider(event) {
    const steps = { ArrowLeft: -2, ArrowRight: 2, Home: -100, End: 100 }
    if (!(event.key in steps)) return
    event.preventDefault()
    event.stopPropagation()
    this.wipe(this.share + steps[event.key])
  }

  switchMode() {
    const side = this.element.dataset.mode === "wipe"
    this.element.dataset.mode = side ? "side" : "wipe"
    const words = side ? this.words.wipe : this.words.side
    this.mode.title = words
    this.mode.setAttribute("aria-label", words)
  }

  switchSound() {
    this.after.muted = !this.after.muted
    this.sound.setAttribute("aria-pressed", String(!this.after.muted))
  }

  show() {
    const { time, rate, seconds, playing, loop } = this.pair
    this.chart.show(time, loop)
    this.clock.textContent = `${timecode(time)} / ${timecode(seconds)}  #${Math.floor(time * rate + 1e-3)}`
    this.playing.textContent = playing ? "❚❚" : "▶"
    this.playing.title = playing ? this.words.pause : this.words.play
    this.playing.setAttribute("aria-label", this.playing.title)
    this.looping.setAttribute("aria-pressed", String(!!loop))
  }

  async fail() {
    if (this.failed) return
    this.failed = make("p", { class: "retalk-failed" })
    this.element.replaceChildren(this.failed)
    const answer = await fetch(this.after.src, { method: "HEAD" }).catch(() => null)
    this.failed.textContent = answer?.ok ? this.words.unplayable : this.words.gone
  }

  close() {
    this.pair.pause()
    for (const each of [this.before, this.after]) {
      each.removeAttribute("src")
      each.load()
    }
  }
}

function video(src, failed) {
  const element = make("video", { playsinline: true, preload: "auto", disablepictureinpicture: true })
  element.addEventListener("error", () => element.getAttribute("src") && failed())
  element.src = src
  return element
}
