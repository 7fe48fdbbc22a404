// Gives ReTalk's nodes a panel that lasts: through a cached run, a reload of the workflow, the end of a job.

import { app } from "../../../scripts/app.js"
import { api } from "../../../scripts/api.js"
import { dropLivePicture, dropWords, keepPreviewToItself, nodeBy } from "./editor.js"
import { Panel } from "./panel.js"
import { nameChoices, spokenIn, tellLanguage, translateWorkflow } from "./translate.js"
import { wordsOf } from "./words.js"

const OURS = "ReTalk" // our nodes' types begin with it
const KEPT = "retalk" // the property of a node, stored with its workflow
const WIDGET = "retalk_panel"
const MOST_REMEMBERED = 200
const HAVE_THEIR_OWN = ["ReTalkGetModels"] // panels
const LEAST_WIDTH = 420 // pixels, of a node that shows a clip
const LIVE_PICTURE_GOES = [0, 700] // milliseconds; some versions draw it once more

let spoken = {} // by the server's packs in the editor's language
const panels = new WeakMap()
const remembered = new Map() // undoing a change brings back older properties, but what was told stays told

function locale() {
  return app.extensionManager?.setting?.get("Comfy.Locale") || document.documentElement.lang || "en"
}

function fileUrl({ filename, subfolder, type }) {
  return api.apiURL(`/view?${new URLSearchParams({ filename, subfolder, type })}`)
}

function panelOf(node) {
  if (panels.has(node)) return panels.get(node)
  const panel = new Panel({
    fileUrl,
    words: wordsOf(locale()),
    helpUrl: new URL(`../help.html#${node.comfyClass}/${locale()}`, import.meta.url).href,
    choose: widgets => choose(node, widgets),
    resized: panel => makeRoom(node, panel),
  })
  const widget = node.addDOMWidget(WIDGET, WIDGET, panel.element, {
    serialize: false, hideOnZoom: false, getMinHeight: () => panel.leastHeight, getValue: () => "", setValue: () => {},
  })
  widget.serialize = false
  panels.set(node, panel)
  const { onRemoved } = node
  node.onRemoved = function (...given) {
    panel.close()
    return onRemoved?.apply(this, given)
  }
  return panel
}

function makeRoom(node, panel) {
  const [width, height] = node.computeSize()
  node.setSize([Math.max(node.size[0], width, panel.isWide ? LEAST_WIDTH : 0), Math.max(node.size[1], height)])
  node.setDirtyCanvas?.(true, true)
}

function choose(node, chosen) {
  for (const [name, value] of Object.entries(chosen)) {
    const widget = node.widgets?.find(each => each.name === name)
    if (!widget) continue
    widget.value = value
    widget.callback?.(value, app.canvas, node)
  }
  node.setDirtyCanvas?.(true, true)
}

function placeOf(node) {
  return `${(node.graph?.rootGraph ?? node.graph)?.id}/${node.graph?.id}/${node.id}`
}

function show(node, content) {
  const kept = { ...content, told: Date.now() }
  remembered.delete(placeOf(node))
  remembered.set(placeOf(node), kept)
  if (remembered.size > MOST_REMEMBERED) remembered.delete(remembered.keys().next().value)
  node.properties[KEPT] = withoutPrivate(kept)
  panelOf(node).show(content)
  if (content.player) for (const wait of LIVE_PICTURE_GOES) setTimeout(() => dropLivePicture(node), wait)
}

// Folders of this machine don't belong into a workflow that is handed on.
function withoutPrivate({ private: folders = [], ...content }) {
  const text = folders.reduce((words, folder) => words.split(folder).join("…"), content.text)
  return { ...content, text }
}

function restore(node) {
  const [kept, told] = [node.properties?.[KEPT], remembered.get(placeOf(node))]
  const newest = (told?.told ?? 0) >= (kept?.told ?? 0) ? told : kept
  if (newest?.text === undefined) return
  node.properties[KEPT] = withoutPrivate(newest)
  panelOf(node).show(newest)
}

function after(prototype, name, react) {
  const before = prototype[name]
  prototype[name] = function (...given) {
    const result = before?.apply(this, given)
    react(this, ...given)
    return result
  }
}

// nodes/settings.py reads it where Dub Options leave a dub's mark to it.
const MARK = {
  id: "ReTalk.Mark",
  category: ["ReTalk", "Dubs", "Mark"],
  name: "Mark of dubs whose options say auto",
  tooltip: "Dub Video says in picture and sound that its file is a dub, unseen and unheard. auto: on the face, inside "
    + "the edit, where h264 or hevc is written · face: always on the face · frame: over the whole frame · off",
  type: "combo",
  options: ["auto", "face", "frame", "off"],
  defaultValue: "auto",
}

app.registerExtension({
  name: "ReTalk.Panel",
  settings: [MARK],
  async init() {
    spoken = await spokenIn(api, locale())
  },
  beforeConfigureGraph(form) {
    translateWorkflow(form, locale())
  },
  nodeCreated(node) {
    if (node.comfyClass?.startsWith(OURS)) nameChoices(node, () => spoken, locale)
  },
  beforeRegisterNodeDef(nodeType, nodeData) {
    if (!nodeData.name.startsWith(OURS)) return
    after(nodeType.prototype, "onExecuted", (node, output) => {
      const content = output?.retalk?.[0]
      if (content) show(node, content)
    })
    after(nodeType.prototype, "addCustomWidget", (_, widget) => keepPreviewToItself(widget))
    after(nodeType.prototype, "onConfigure", node => queueMicrotask(() => restore(node)))
  },
  setup() {
    const link = document.createElement("link")
    Object.assign(link, { rel: "stylesheet", href: new URL("panel.css", import.meta.url).href })
    document.head.append(link)
    tellLanguage(api, locale)
    api.addEventListener("progress_text", ({ detail }) => {
      const node = nodeBy(app, detail.nodeId)
      if (!node?.comfyClass?.startsWith(OURS)) return
      if (!HAVE_THEIR_OWN.includes(node.comfyClass)) panelOf(node).say(detail.text.split("\n")[0])
      setTimeout(() => dropWords(node))
    })
  },
})
