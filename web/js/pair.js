// Two videos that are one: they show the same moment, apart by less than a frame, playing or not.

import { clamp } from "./elements.js"

const NUDGE = 8 // of the speed, for each second that one video is apart
const HARD_NUDGE = 40 // at first, where clocks with sound stand still again for a moment
const FIRST = 0.4 // seconds
const MOST_NUDGE = 0.9
const CREEP = 0.0625 // the slowest speed that browsers have
const SOON = 4 // milliseconds
const LOST = 0.25 // seconds apart; beyond it the second video jumps
const LOOP = 1 // seconds

export class Pair extends EventTarget {
  // leader: has the sound; follower: is silent; rate: frames per second; seconds: of both
  constructor(leader, follower, rate, seconds) {
    super()
    Object.assign(this, { leader, follower, rate, seconds, playing: false, loop: null })
    this.follower.muted = true
    this.wanted = null // where to, once both have arrived where they are going now
    this.turn = 0 // changes with every order, so that an older one can see that it is no longer meant
    this.leader.addEventListener("ended", () => this.pause())
  }

  get time() { return this.wanted ?? this.leader.currentTime }

  get apart() { return this.follower.currentTime - this.leader.currentTime }

  // The middle of a frame: at its edges browsers disagree which one shows.
  middle(time) {
    const last = Math.max(Math.ceil(this.seconds * this.rate - 1e-3) - 1, 0)
    return (clamp(Math.floor(time * this.rate + 1e-3), 0, last) + 0.5) / this.rate
  }

  async seek(time) {
    this.wanted = this.middle(time)
    this.tell()
    if (this.going) return this.going
    this.going = this.go()
    try { await this.going } finally { this.going = null }
  }

  async go() {
    while (this.wanted !== null) {
      const target = this.wanted
      await Promise.all([arrive(this.leader, target), arrive(this.follower, target)])
      if (this.wanted === target) this.wanted = null
    }
    this.tell()
  }

  step(frames) {
    this.pause()
    return this.seek((Math.floor(this.time * this.rate + 1e-3) + frames + 0.5) / this.rate)
  }

  async play() {
    const turn = ++this.turn
    this.playing = true
    this.tell()
    if (this.time >= this.seconds - 1 / this.rate) await this.seek(this.loop?.[0] ?? 0)
    await this.start(turn)
  }

  // The leader begins late where it has sound: until it moves, the follower only creeps, ready to go.
  async start(turn) {
    await this.going
    if (this.leader.currentTime !== this.follower.currentTime) await arrive(this.follower, this.leader.currentTime)
    if (turn !== this.turn) return
    const from = this.leader.currentTime
    this.follower.playbackRate = CREEP
    try {
      await Promise.all([this.leader.play(), this.follower.play()])
    } catch {
      if (turn === this.turn) this.pause()
      return
    }
    while (turn === this.turn && this.leader.currentTime <= from) await soon()
    const begun = performance.now()
    while (turn === this.turn) {
      const early = performance.now() - begun < FIRST * 1000
      this.keepTogether(turn, early ? HARD_NUDGE : NUDGE)
      this.tell()
      await (early ? soon() : nextPicture())
    }
  }

  keepTogether(turn, nudge) {
    const time = this.leader.currentTime
    if (this.loop && (time >= this.loop[1] || time < this.loop[0] - 1 / this.rate)) return this.restart(this.loop[0])
    if (Math.abs(this.apart) > LOST && turn === this.turn) return this.restart(time)
    this.follower.playbackRate = 1 - clamp(this.apart * nudge, -MOST_NUDGE, MOST_NUDGE)
  }

  async restart(time) {
    const turn = ++this.turn
    this.rest()
    await this.seek(time)
    if (turn === this.turn) await this.start(turn)
  }

  pause() {
    if (!this.playing) return
    this.turn++
    this.playing = false
    this.rest()
    this.seek(this.leader.currentTime)
  }

  rest() {
    this.follower.pause()
    this.leader.pause()
    this.follower.playbackRate = 1
  }

  toggle() { return this.playing ? this.pause() : this.play() }

  // The second that begins now, again and again; or no longer.
  toggleLoop() {
    const begin = clamp(this.time, 0, Math.max(this.seconds - LOOP, 0))
    this.loop = this.loop ? null : [begin, Math.min(begin + LOOP, this.seconds)]
    this.tell()
  }

  async jump(time) {
    if (this.loop) this.loop = [clamp(time, 0, Math.max(this.seconds - LOOP, 0)), Math.min(time + LOOP, this.seconds)]
    if (this.playing) await this.restart(time)
    else await this.seek(time)
  }

  tell() { this.dispatchEvent(new Event("change")) }
}

function arrive(video, time) {
  if (Math.abs(video.currentTime - time) < 1e-4 && !video.seeking) return Promise.resolve()
  return new Promise(resolve => {
    const done = () => {
      for (const name of ["seeked", "error", "emptied"]) video.removeEventListener(name, done)
      resolve()
    }
    for (const name of ["seeked", "error", "emptied"]) video.addEventListener(name, done)
    if (video.readyState === 0) video.load()
    video.currentTime = time
    if (video.error) done()
  })
}

function soon() {
  return new Promise(resolve => setTimeout(resolve, SOON))
}

function nextPicture() {
  return new Promise(resolve => {
    const timer = setTimeout(resolve, 100) // a hidden page draws nothing
    requestAnimationFrame(() => { clearTimeout(timer); resolve() })
  })
}
