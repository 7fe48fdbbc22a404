// The button of Get ReTalk Models: shows what is missing, downloads it when pressed, tells how far it is.
import { api } from "../../../scripts/api.js"
import { app } from "../../../scripts/app.js"

const NODE = "ReTalkGetModels"
const ADDRESS = "/retalk/models"
const EVERY = 500 // milliseconds between two looks at a download
const WORDS = {
  en: {
    download: (count, size) => `Download ${count} file${count === 1 ? "" : "s"}${size ? ` (${size})` : ""}`,
    stop: "Stop",
    look: "Look again",
    complete: "Nothing is missing.",
    fetching: "Fetching",
    fetched: "Fetched and checked:",
    stopped: "Stopped. Press Download to go on where it was.",
    unreachable: "The server doesn't answer:",
  },
  zh: {
    download: (count, size) => `下载 ${count} 个文件${size ? `（${size}）` : ""}`,
    stop: "停止",
    look: "重新检查",
    complete: "什么都不缺。",
    fetching: "正在下载",
    fetched: "已下载并校验：",
    stopped: "已停止。再按“下载”即从中断处继续。",
    unreachable: "服务器没有应答：",
  },
}

function language() {
  return String(app.extensionManager?.setting?.get?.("Comfy.Locale") ?? "en").split("-")[0]
}

function words() {
  return WORDS[language()] ?? WORDS.en
}

function amount(bytes) {
  if (!bytes) return ""
  return bytes >= 1e9 ? `${(bytes / 1e9).toFixed(2)} GB` : `${(bytes / 1e6).toFixed(1)} MB`
}

async function ask(path, given) {
  const answer = given
    ? await api.fetchApi(ADDRESS + path, {
        method: "POST",
        headers: { "Content-Type": "application/json" },
        body: JSON.stringify(given),
      })
    : await api.fetchApi(ADDRESS + path)
  const told = await answer.json()
  if (!answer.ok) throw new Error(told.error ?? answer.statusText)
  return told
}

function element(tag, style, parent) {
  const made = document.createElement(tag)
  Object.assign(made.style, style)
  parent?.append(made)
  return made
}

class Panel {
  constructor(node) {
    this.node = node
    this.box = element("div", {
      display: "flex", flexDirection: "column", gap: "6px", height: "100%", boxSizing: "border-box",
      padding: "6px", font: "12px/1.4 sans-serif", color: "var(--input-text, #ddd)",
    })
    this.box.className = "retalk-get-models"
    const row = element("div", { display: "flex", gap: "6px", flex: "none" }, this.box)
    this.button = this.press(row, () => (this.running ? this.stop() : this.start()))
    this.again = this.press(row, () => this.look())
    this.bar = element("progress", { width: "100%", flex: "none", display: "none" }, this.box)
    this.told = element("div", { flex: "none", whiteSpace: "pre-wrap", overflowWrap: "anywhere" }, this.box)
    this.list = element("div", {
      flex: "1 1 0", minHeight: "0", overflow: "auto", whiteSpace: "pre-wrap", overflowWrap: "anywhere",
      userSelect: "text", background: "var(--comfy-input-bg, #222)", borderRadius: "4px", padding: "6px",
    }, this.box)
    this.told.setAttribute("role", "status")
    this.list.addEventListener("wheel", (event) => event.stopPropagation())
    this.list.addEventListener("pointerdown", (event) => event.stopPropagation())
    this.running = false
  }

  press(row, act) {
    const made = element("button", { padding: "4px 10px", cursor: "pointer" }, row)
    made.type = "button"
    made.addEventListener("click", act)
    return made
  }

  given() {
    const value = (name) => this.node.widgets?.find((each) => each.name === name)?.value ?? ""
    return { preset: value("preset"), mirror: value("mirror"), proxy: value("proxy"), language: language() }
  }

  async guarded(work) {
    try {
      return await work()
    } catch (error) {
      this.told.textContent = error instanceof TypeError ? `${words().unreachable} ${error.message}` : error.message
      return null
    }
  }

  async look(keep = false) {
    const offer = await this.guarded(() => ask(`?${new URLSearchParams(this.given())}`))
    this.again.textContent = words().look
    if (!offer) return
    this.list.textContent = offer.lines.join("\n")
    this.button.textContent = offer.files.length
      ? words().download(offer.files.length, amount(offer.size))
      : words().complete
    this.button.disabled = !offer.files.length || !!offer.refused
    if (!keep) this.told.textContent = offer.refused
    if (offer.state.running) this.follow()
  }

  async start() {
    const begun = await this.guarded(() => ask("/start", this.given()))
    if (begun) this.follow()
  }

  async stop() {
    this.button.disabled = true
    await this.guarded(() => ask("/stop", { language: language() }))
  }

  async follow() {
    if (this.running) return
    this.running = true
    this.button.textContent = words().stop
    this.button.disabled = false
    let state = null
    do {
      if (!this.node.graph) break // it was deleted
      state = await this.guarded(() => ask(`/state?language=${language()}`))
      if (state) this.show(state)
      await new Promise((done) => setTimeout(done, EVERY))
    } while (state?.running)
    this.running = false
    this.bar.style.display = "none"
    if (state) await this.look(true)
  }

  show(state) {
    this.bar.style.display = state.running ? "block" : "none"
    if (state.total) {
      this.bar.max = state.total
      this.bar.value = state.done
    } else {
      this.bar.removeAttribute("value")
    }
    const lines = []
    const size = [amount(state.done), amount(state.total)].filter(Boolean).join(" / ")
    if (state.running) lines.push(`${words().fetching} ${state.file} ${size}`)
    if (state.finished.length) lines.push(`${words().fetched} ${state.finished.join(", ")}`)
    if (state.stopped) lines.push(words().stopped)
    this.told.textContent = [...lines, ...state.problems].join("\n")
  }
}

app.registerExtension({
  name: "ReTalk.GetModels",
  nodeCreated(node) {
    if (node.comfyClass !== NODE) return
    const panel = new Panel(node)
    const widget = node.addDOMWidget("retalk_models", "retalk_models", panel.box, {
      serialize: false,
      hideOnZoom: false,
      getMinHeight: () => 220,
    })
    widget.serialize = false // a workflow keeps nothing of it
    for (const each of node.widgets ?? []) {
      if (!["preset", "mirror", "proxy"].includes(each.name)) continue
      const before = each.callback
      each.callback = function (...values) {
        const answer = before?.apply(this, values)
        panel.look()
        return answer
      }
    }
    node.setSize([Math.max(node.size[0], 460), Math.max(node.size[1], 420)])
    setTimeout(() => panel.look(), 0) // once a workflow has set the widgets
  },
})
