// What the pack must know of the editor itself; where a version differs, nothing happens.

const WORDS = "$$node-text-preview" // where the editor shows progress in words, and takes it away again
const PICTURE = "$$canvas-image-preview" // where it shows the work in progress

// A node by its id, such as 5, or 12:5 inside of node 12.
export function nodeBy(app, id) {
  let graph = app.rootGraph ?? app.graph
  let node = null
  for (const part of String(id).split(":")) {
    node = graph?.getNodeById(part) ?? graph?.getNodeById(Number(part))
    graph = node?.subgraph
  }
  return node
}

// The panel has these words, and has them for good.
export function dropWords(node) {
  drop(node, WORDS)
}

// The panel has the result: the picture of the work in progress would stay beside it.
export function dropLivePicture(node) {
  const page = document.querySelector("#vue-app, #app")?.__vue_app__
  const store = page?.config?.globalProperties?.$pinia?._s?.get("nodeOutput")
  const place = !node.graph || node.graph === node.graph.rootGraph ? String(node.id) : `${node.graph.id}:${node.id}`
  store?.revokePreviewsByLocatorId?.(place) ?? store?.revokePreviewsByExecutionId?.(place)
  node.imgs = undefined
  node.preview = undefined
  drop(node, PICTURE)
}

// A preview that is queued as a value would make the next run another one: all would be done anew.
export function keepPreviewToItself(widget) {
  if (widget?.name !== "video-preview") return
  widget.options ??= {}
  widget.options.serialize = false
}

function drop(node, name) {
  const widget = node.widgets?.find(each => each.name === name)
  if (!widget) return
  if (node.removeWidget) node.removeWidget(widget)
  else {
    widget.onRemove?.()
    node.widgets.splice(node.widgets.indexOf(widget), 1)
  }
  node.setDirtyCanvas?.(true, true)
}
