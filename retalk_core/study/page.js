"use strict"
const DATA = JSON.parse(document.getElementById("data").textContent)
const PLACE = `study ${DATA.study}`
const QUESTIONS = {
  quality: ["Bad", "Poor", "Fair", "Good", "Excellent"],
  sync: ["Not at all", "Badly", "Partly", "Well", "Perfectly"],
}
const NAMES = Object.keys(QUESTIONS)
const at = (id) => document.getElementById(id)
const video = at("video")

// What is kept, so that a reload loses nothing

let state = null
const recall = () => {
  try { return JSON.parse(localStorage.getItem(PLACE)) } catch { return null }
}
const keep = () => {
  try { localStorage.setItem(PLACE, JSON.stringify(state)) } catch { at("forgetful").hidden = false }
}
const forget = () => {
  try { localStorage.removeItem(PLACE) } catch { /* nothing was kept */ }
}
const canKeep = () => {
  try { localStorage.setItem(`${PLACE} trial`, "1"); localStorage.removeItem(`${PLACE} trial`); return true } catch { return false }
}
const chance = (below) => crypto.getRandomValues(new Uint32Array(1))[0] % below
const draw = () => Array.from(crypto.getRandomValues(new Uint8Array(6)), (byte) => byte.toString(16).padStart(2, "0")).join("")

const begin = (number) => ({
  study: DATA.study,
  rater: draw(),
  number,
  sheet: number === null ? chance(DATA.sheets.length) : (number - 1) % DATA.sheets.length,
  began: new Date().toISOString(),
  ended: null,
  answers: [],
  open: null,
})
const order = () => DATA.sheets[state.sheet]
const current = () => DATA.videos[order()[state.answers.length]]

// One of the three parts of the page is seen

const show = (id) => {
  for (const part of ["welcome", "rating", "end"]) at(part).hidden = part !== id
  window.scrollTo(0, 0)
}

const welcome = () => {
  for (const place of document.querySelectorAll("[data-said=count]")) place.textContent = DATA.sheets[0].length
  const minutes = Math.ceil((DATA.seconds * 1.1 + DATA.sheets[0].length * 8) / 60)
  for (const place of document.querySelectorAll("[data-said=minutes]")) place.textContent = minutes
  at("forgetful").hidden = canKeep()
  at("agree").checked = false
  at("start").disabled = true
  at("number").value = new URLSearchParams(location.search).get("number") ?? ""
  show("welcome")
}

const rate = (withSound) => {
  const done = state.answers.length
  if (done === order().length) return end()
  state.open ??= { quality: null, sync: null, watched: 0, since: Date.now(), broken: false }
  at("place").textContent = `${done + 1} of ${order().length}`
  at("bar").max = order().length
  at("bar").value = done
  for (const name of NAMES) {
    for (const input of at(name).querySelectorAll("input")) input.checked = Number(input.value) === state.open[name]
  }
  video.src = `videos/${current()}.mp4`
  show("rating")
  tell()
  if (withSound) play()
}

const tell = () => {
  const { quality, sync, watched, broken } = state.open
  const seen = watched > 0 || broken
  at("next").disabled = !(seen && (broken || (quality && sync)))
  at("next").textContent = state.answers.length + 1 === order().length ? "Finish" : "Next"
  at("again").hidden = !seen || broken
  at("play").hidden = !video.paused || seen || broken
  const turn = seen ? NAMES.find((name) => !state.open[name]) : null
  for (const name of NAMES) at(name).classList.toggle("turn", name === turn)
  at("hint").textContent = broken
    ? "This video can't be played here. Go on to the next one."
    : seen ? "" : "Watch the video to its end, then answer."
  keep()
}

const play = () => {
  video.currentTime = 0
  video.play().catch(() => { at("play").hidden = false })
}

const answer = (name, value) => {
  state.open[name] = value
  for (const input of at(name).querySelectorAll("input")) input.checked = Number(input.value) === value
  tell()
}

const next = () => {
  if (at("next").disabled) return
  const { quality, sync, watched, since, broken } = state.open
  const seconds = Math.round((Date.now() - since) / 100) / 10
  state.answers.push({ video: current(), quality, sync, watched, seconds, ...(broken && { broken }) })
  state.open = null
  video.pause()
  rate(true)
}

const end = () => {
  state.ended ??= new Date().toISOString()
  keep()
  video.removeAttribute("src")
  const { open, ...told } = state
  const file = at("file")
  URL.revokeObjectURL(file.href)
  file.href = URL.createObjectURL(new Blob([JSON.stringify(told, null, 1)], { type: "application/json" }))
  file.download = `answers_${state.rater}.json`
  show("end")
}

// What people do

for (const name of NAMES) {
  const scale = at(name).querySelector(".scale")
  QUESTIONS[name].forEach((words, index) => {
    const label = document.createElement("label")
    const input = document.createElement("input")
    const number = document.createElement("b")
    input.type = "radio"
    input.name = name
    input.value = index + 1
    number.textContent = index + 1
    label.append(input, number, words)
    input.addEventListener("change", () => answer(name, index + 1))
    scale.append(label)
  })
}
at("agree").addEventListener("change", () => { at("start").disabled = !at("agree").checked })
at("consent").addEventListener("submit", (event) => {
  event.preventDefault()
  if (!at("agree").checked) return
  const number = Number.parseInt(at("number").value, 10)
  state = begin(number > 0 ? number : null)
  rate(false)
})
at("play").addEventListener("click", play)
at("again").addEventListener("click", play)
at("next").addEventListener("click", next)
at("file").addEventListener("click", () => { at("saved").textContent = `${at("file").download} is being saved.` })
at("anew").addEventListener("click", () => {
  if (!confirm("Have the answers been saved? They are removed from this device now.")) return
  forget()
  state = null
  welcome()
})
video.addEventListener("ended", () => { if (state?.open) { state.open.watched += 1; tell() } })
video.addEventListener("play", () => { at("play").hidden = true })
video.addEventListener("error", () => { if (state?.open && video.getAttribute("src")) { state.open.broken = true; tell() } })
document.addEventListener("keydown", (event) => {
  if (at("rating").hidden || event.ctrlKey || event.metaKey || event.altKey) return
  const turn = NAMES.find((name) => !state.open[name])
  const focused = NAMES.find((name) => at(name).contains(document.activeElement))
  if (event.key >= "1" && event.key <= "5" && event.key.length === 1) {
    const asked = focused ?? turn
    if (asked) answer(asked, Number(event.key))
    document.activeElement.blur()
  } else if (event.key === "Backspace") {
    const last = [...NAMES].reverse().find((name) => state.open[name])
    if (last) answer(last, null)
  } else if (event.key === "Enter") {
    next()
  } else if (event.key === " ") {
    if (video.paused) { if (video.ended || video.currentTime === 0) play(); else video.play() } else video.pause()
  } else {
    return
  }
  event.preventDefault()
})

state = recall()
if (state?.study === DATA.study && DATA.sheets[state.sheet]) rate(false)
else { state = null; welcome() }
