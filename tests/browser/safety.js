// What the page of a notebook does with an output, and what must not be found in it afterwards.

const note = what => console.debug(`pplx ran ${what}`)
for (const name of ["alert", "confirm", "prompt", "print", "open"]) window[name] = () => note(name)
for (const name of ["write", "writeln", "open", "close"]) document[name] = () => note(`document.${name}`)

const VIEW = "application/vnd.jupyter.widget-view+json"
const URLS = ["href", "src", "srcset", "action", "formaction", "data", "poster", "background", "ping", "xlink:href", "cite"]
const FORBIDDEN = "script,iframe,frame,object,embed,link,meta,base,form,input,button,select,textarea,svg,video,audio,source,template,style"

window.pplxHost = document.body.appendChild(document.createElement("div"))
pplxHost.style.cssText = "position:fixed;inset:40% 0 0 0;overflow:auto;z-index:9;background:#fff"

async function pplxRendered(mime, text) {
  const renderer = window.jupyterapp.shell.currentWidget.content.rendermime.createRenderer(mime)
  const done = renderer.renderModel({ data: { [mime]: text }, metadata: {}, trusted: true, setData() {} })
  for (const type of ["before-attach", "after-attach"]) {
    if (type === "after-attach") pplxHost.append(renderer.node)
    renderer.processMessage({ type, isConflatable: false, conflate: () => false })
  }
  await done
  return renderer.node
}

async function pplxWidget(text, kind) {
  const rendermime = window.jupyterapp.shell.currentWidget.content.rendermime
  const manager = await rendermime.createRenderer(VIEW)._manager.promise
  const named = { model_name: `${kind}Model`, model_module: "@jupyter-widgets/controls", model_module_version: "2.0.0" }
  const model = await manager.new_model({ ...named, model_id: crypto.randomUUID() }, { value: text })
  const view = await manager.create_view(model)
  pplxHost.append(view.el)
  // Formulas are typeset once it is shown.
  view.luminoWidget.processMessage({ type: "after-attach" })
  return view.el
}

// Show each text in a node of its own; give what is wrong with what became of it.
window.pplxShow = async (how, items) => {
  pplxHost.replaceChildren()
  const faults = []
  const nodes = []
  for (const [name, text] of items) {
    try {
      nodes.push(how.startsWith("HTML") ? await pplxWidget(text, how) : await pplxRendered(how, text))
    } catch (error) {
      faults.push(`${how}: ${error} in ${name.slice(0, 300)}`)
    }
  }
  // Images fail and timers fire in their own time.
  await new Promise(done => setTimeout(done, 150))
  nodes.forEach((node, n) => {
    for (const fault of pplxFaults(node)) faults.push(`${how}: ${fault} in ${items[n][0].slice(0, 300)}`)
  })
  return { faults, shown: nodes.filter(node => node.isConnected && node.textContent.trim()).length }
}

// What in a node could run, fetch, or lead to the server. Typeset formulas are elements of the typesetter's own.
window.pplxFaults = root => {
  const faults = []
  for (const node of root.querySelectorAll("*")) {
    const at = node.outerHTML.slice(0, 200)
    const ours = ".pplx > style, .widget-html-content > style, .widget-htmlmath-content > style, button.jupyter-button"
    if (node.matches(FORBIDDEN) && !node.matches(ours)) faults.push(`an element: ${at}`)
    for (const { name, value } of node.attributes) {
      if (name.startsWith("on")) faults.push(`a handler: ${at}`)
      if (name === "style" && /url\(|position|image-set|expression/i.test(value) && !node.closest("mjx-container")) faults.push(`a style: ${at}`)
      if (!URLS.includes(name)) continue
      if (name === "href" && node.localName === "a") continue
      if (!/^data:image\/(png|jpeg|gif|webp);/.test(value)) faults.push(`an address: ${at}`)
    }
    const said = node.localName === "a" && node.getAttribute("href")
    if (!said) continue
    if (node.matches(".jp-InternalAnchorLink[href^='#']")) continue // JupyterLab's own, beside a heading
    if (said.startsWith("#")) {
      const id = CSS.escape(said.slice(1))
      if (!root.querySelector(`[id="${id}"],[data-jupyter-id="${id}"]`)) faults.push(`an anchor to nowhere: ${at}`)
    } else if (!/^https?:$/.test(node.protocol) || node.origin === location.origin || node.username) {
      faults.push(`a link: ${at}`)
    } else if (node.target !== "_blank" || !/noopener/.test(node.rel)) {
      faults.push(`a link into this window: ${at}`)
    }
  }
  return faults
}
