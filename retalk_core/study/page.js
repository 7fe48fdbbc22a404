"use strict"
const DATA = JSON.parse(document.getElementById("data").textContent)
const PLACE = `study ${DATA.study}`
const QUESTIONS = {
  quality: [["Bad", "很差"], ["Poor", "较差"], ["Fair", "一般"], ["Good", "良好"], ["Excellent", "优秀"]],
  sync: [["Not at all", "完全不吻合"], ["Badly", "不太吻合"], ["Partly", "部分吻合"], ["Well", "吻合"], ["Perfectly", "完全吻合"]],
}
const NAMES = Object.keys(QUESTIONS)
const at = (id) => document.getElementById(id)
const video = at("video")

// Words in both languages: the style shows those of the page's own

const both = (en, zh) => [["en", en], ["zh", zh]].map(([language, words]) => {
  const place = document.createElement("span")
  place.className = language
  place.textContent = words
  return place
})
const write = (id, en, zh) => at(id).replaceChildren(...both(en, zh))
const say = (en, zh) => (document.documentElement.lang === "zh" ? zh : en)
const speak = (language) => {
  document.documentElement.lang = language
  document.title = say("Watch and rate", "观看并评分")
  at("bar").ariaLabel = say("Videos that you have rated", "已评分的视频")
  at("play").ariaLabel = say("Play the video", "播放视频")
}
const preferred = () => {
  const asked = new URLSearchParams(location.search).get("language") ?? navigator.language
  return asked.toLowerCase().startsWith("zh") ? "zh" : "en"
}

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
  language: document.documentElement.lang,
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
  write("place", `${done + 1} of ${order().length}`, `${done + 1} / ${order().length}`)
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
  if (state.answers.length + 1 === order().length) write("next", "Finish", "完成")
  else write("next", "Next", "下一段")
  at("again").hidden = !seen || broken
  at("play").hidden = !video.paused || seen || broken
  const turn = seen ? NAMES.find((name) => !state.open[name]) : null
  for (const name of NAMES) at(name).classList.toggle("turn", name === turn)
  if (broken) write("hint", "This video can't be played here. Go on to the next one.", "此视频无法在这里播放，请继续下一段。")
  else if (seen) at("hint").replaceChildren()
  else write("hint", "Watch the video to its end, then answer.", "请把视频看完，然后回答。")
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
    label.append(input, number, ...both(...words))
    input.addEventListener("change", () => answer(name, index + 1))
    scale.append(label)
  })
}
for (const button of document.querySelectorAll("[data-language]")) {
  button.addEventListener("click", () => speak(button.dataset.language))
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
at("file").addEventListener("click", () => {
  const name = at("file").download
  write("saved", `${name} is being saved.`, `正在保存 ${name}。`)
})
at("anew").addEventListener("click", () => {
  const words = say(
    "Have the answers been saved? They are removed from this device now.", "回答保存好了吗？它们现在将从这台设备上删除。"
  )
  if (!confirm(words)) return
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
speak(state?.study === DATA.study ? state.language ?? preferred() : preferred())
if (state?.study === DATA.study && DATA.sheets[state.sheet]) rate(false)
else { state = null; welcome() }
