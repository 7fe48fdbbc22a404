// The time line: loudness and mouth, what was left alone, what is doubtful, and where the players are.

import { clamp, draw, make, timecode } from "./elements.js"

const [WIDTH, HEIGHT] = [1000, 100]

export class Chart {
  // content: seconds, and where there is one, `chart` and `doubts` as the node tells them; go: is told a time
  constructor(content, words, go) {
    this.seconds = content.seconds
    this.go = go
    const { lines = {}, cuts = [], untouched = [] } = content.chart || {}
    const doubts = content.doubts || []
    this.head = make("div", { class: "retalk-head" })
    this.looped = make("div", { class: "retalk-looped" })
    this.plot = make(
      "div",
      {
        class: `retalk-plot${Object.keys(lines).length ? "" : " retalk-bare"}`,
        role: "slider", tabindex: 0, "aria-label": words.time, "aria-valuemin": 0, "aria-valuemax": this.seconds,
        on: {
          pointerdown: event => this.grab(event),
          pointermove: event => event.currentTarget.hasPointerCapture(event.pointerId) && this.goTo(event),
        },
      },
      this.drawing(lines, cuts, untouched, doubts), this.looped, this.head,
    )
    this.element = make(
      "div", { class: "retalk-chart" }, this.plot, this.legend(lines, untouched, doubts, words), this.list(doubts),
    )
  }

  drawing(lines, cuts, untouched, doubts) {
    const svg = draw("svg", { viewBox: `0 0 ${WIDTH} ${HEIGHT}`, preserveAspectRatio: "none", "aria-hidden": "true" })
    for (const each of untouched) svg.append(this.stretch(each.start, each.end, "retalk-untouched", each.reason))
    for (const doubt of doubts) {
      for (const [start, end] of doubt.ranges) {
        svg.append(this.stretch(start, end, `retalk-doubt retalk-${doubt.severity}`, doubt.words))
      }
    }
    for (const cut of cuts) svg.append(this.stretch(cut, cut, "retalk-cut", ""))
    for (const [name, values] of Object.entries(lines)) {
      for (const points of runs(values)) svg.append(draw("polyline", { class: `retalk-${name}`, points }))
    }
    return svg
  }

  stretch(start, end, name, words) {
    const [left, right] = [start, end].map(time => clamp(time / this.seconds, 0, 1) * WIDTH)
    const shape = draw("rect", { class: name, x: left, y: 0, width: Math.max(right - left, 2), height: HEIGHT })
    if (words) {
      const title = draw("title")
      title.textContent = words
      shape.append(title)
    }
    return shape
  }

  legend(lines, untouched, doubts, words) {
    const names = [
      ...Object.keys(lines), ...(untouched.length ? ["untouched"] : []), ...(doubts.length ? ["doubts"] : []),
    ]
    return make(
      "div", { class: "retalk-legend" },
      ...names.map(name => make("span", { class: `retalk-of-${name}` }, words[name] || name)),
    )
  }

  list(doubts) {
    const rows = doubts.flatMap(doubt => doubt.ranges.slice(0, 4).map(([start]) => make(
      "button",
      { type: "button", class: `retalk-row retalk-${doubt.severity}`, title: doubt.advice, on: { click: () => this.go(start) } },
      make("b", {}, timecode(start)), ` ${doubt.words}`,
    )))
    return make("div", { class: "retalk-doubts" }, ...rows)
  }

  grab(event) {
    event.currentTarget.setPointerCapture(event.pointerId)
    this.goTo(event)
  }

  goTo(event) {
    const { left, width } = this.plot.getBoundingClientRect()
    this.go(clamp((event.clientX - left) / Math.max(width, 1), 0, 1) * this.seconds)
  }

  show(time, loop) {
    this.head.style.left = `${clamp(time / this.seconds, 0, 1) * 100}%`
    this.plot.setAttribute("aria-valuenow", time.toFixed(3))
    this.plot.setAttribute("aria-valuetext", timecode(time))
    this.looped.hidden = !loop
    if (!loop) return
    this.looped.style.left = `${loop[0] / this.seconds * 100}%`
    this.looped.style.width = `${(loop[1] - loop[0]) / this.seconds * 100}%`
  }
}

// The stretches of a line in which something is known, as an SVG writes points.
export function runs(values) {
  const found = []
  let run = []
  const end = () => { if (run.length > 1) found.push(run.join(" ")); run = [] }
  values.forEach((value, index) => {
    if (value === null) return end()
    const x = (index + 0.5) / values.length * WIDTH
    run.push(`${x.toFixed(1)},${(HEIGHT - clamp(value, 0, 1.05) / 1.1 * HEIGHT).toFixed(1)}`)
  })
  end()
  return found
}
