// Words that the editor doesn't look up itself: a widget's choices, and what stands on a workflow's canvas.

const names = {} // of languages, by the editor's language

// All that the server's packs say in a language; nothing where it doesn't answer.
export async function spokenIn(api, locale) {
  try {
    const told = await (await api.fetchApi("/i18n")).json()
    return told[locale] ?? told[locale.split("-")[0]] ?? told.en ?? {}
  } catch {
    return {}
  }
}

// Let the server word reports and errors in the language of this editor: once it is there, again when it was
// started anew, and when another language was chosen, which is seen at the latest when something is queued.
export function tellLanguage(api, locale) {
  let told = ""
  const tell = () => {
    const said = { client_id: api.clientId, language: locale() }
    if (!said.client_id || told === JSON.stringify(said)) return
    told = JSON.stringify(said)
    const sent = { method: "POST", headers: { "Content-Type": "application/json" }, body: told }
    api.fetchApi("/retalk/language", sent).catch(() => { told = "" })
  }
  api.addEventListener("reconnected", () => { told = "" })
  for (const moment of ["status", "promptQueueing"]) api.addEventListener(moment, tell)
  tell()
}

// Let a node's widgets show words where their values are identifiers, and what is to be written in them.
export function nameChoices(node, spoken, locale) {
  const inputs = () => spoken().nodeDefs?.[node.comfyClass]?.inputs ?? {}
  for (const widget of node.widgets ?? []) {
    const asked = inputs()[widget.name]?.placeholder
    if (asked && widget.element) widget.element.placeholder = asked
    if (!Array.isArray(widget.options?.values)) continue
    widget.options.getOptionLabel = value =>
      inputs()[widget.name]?.options?.[value] ?? (widget.name === "language" ? languageName(value, locale()) : value) ?? ""
  }
}

function languageName(code, locale) {
  try {
    names[locale] ??= new Intl.DisplayNames([locale], { type: "language" })
    return `${names[locale].of(code)} (${code})`
  } catch {
    return code
  }
}

// Titles and notes of a workflow that brings them in other languages, before it is opened.
export function translateWorkflow(form, locale) {
  const words = form?.extra?.retalk?.[locale.split("-")[0]]
  if (!words) return
  for (const each of [...(form.groups ?? []), ...(form.nodes ?? [])]) each.title = words[each.title] ?? each.title
  for (const node of form.nodes ?? []) {
    if (node.type === "MarkdownNote") node.widgets_values = node.widgets_values.map(text => words[text] ?? text)
  }
}
