/**
 * Making and changing DOM nodes.
 *
 * Text only ever enters the page as a text node or an attribute value, never as markup, and nothing here writes
 * a `style` attribute: a Content-Security-Policy of 'self' stays enough.
 */

const SVG = "http://www.w3.org/2000/svg";

/**
 * An HTML element. `properties`: `class`, `on` (event listeners), `data`; the rest are attributes (true = present, false and null = absent).
 * @template {keyof HTMLElementTagNameMap} T
 * @param {T} tag
 * @param {Record<string, any>} [properties]
 * @param {...(Node|string|number|null|undefined|false)} children
 * @returns {HTMLElementTagNameMap[T]}
 */
export function el(tag, properties = {}, ...children) {
  const node = document.createElement(tag);
  assign(node, properties);
  append(node, children);
  return node;
}

/**
 * An SVG element, with the same properties as {@link el}.
 * @param {string} tag
 * @param {Record<string, any>} [properties]
 * @param {...(Node|string)} children
 * @returns {SVGElement}
 */
export function svg(tag, properties = {}, ...children) {
  const node = document.createElementNS(SVG, tag);
  assign(node, properties);
  append(node, children);
  return node;
}

/** @param {Element} node @param {Record<string, any>} properties */
function assign(node, properties) {
  for (const [name, value] of Object.entries(properties)) {
    if (value === null || value === undefined || value === false) continue;
    if (name === "class") node.setAttribute("class", value);
    else if (name === "on") for (const [event, listener] of Object.entries(value)) node.addEventListener(event, listener);
    else if (name === "data") Object.assign(/** @type {HTMLElement} */ (node).dataset, value);
    else node.setAttribute(name, value === true ? "" : String(value));
  }
}

/** @param {Element} node @param {any[]} children */
function append(node, children) {
  for (const child of children.flat()) {
    if (child === null || child === undefined || child === false) continue;
    node.append(child instanceof Node ? child : String(child));
  }
}

/**
 * Sets the text only when it differs: screen readers and the reader's text selection are left in peace.
 * @param {Node} node @param {string|number} text
 */
export function setText(node, text) {
  const next = String(text);
  if (node.textContent !== next) node.textContent = next;
}

/** @param {Element} node @param {string} name @param {string|null} value */
export function setAttribute(node, name, value) {
  if (value === null) node.removeAttribute(name);
  else if (node.getAttribute(name) !== value) node.setAttribute(name, value);
}

/**
 * Makes the children of `parent` those of `nodes`, moving nothing that is already in its place (focus survives).
 * @param {Element} parent @param {Node[]} nodes
 */
export function setChildren(parent, nodes) {
  nodes.forEach((node, index) => {
    const present = parent.childNodes[index];
    if (present !== node) parent.insertBefore(node, present ?? null);
  });
  while (parent.childNodes.length > nodes.length) /** @type {ChildNode} */ (parent.lastChild).remove();
}

/**
 * A function that calls `render` only when `key` differs from the call before.
 * @template T @param {(value: T) => void} render
 * @returns {(value: T, key?: string) => void}
 */
export function onChange(render) {
  let before = /** @type {string|null} */ (null);
  return (value, key = JSON.stringify(value) ?? "undefined") => {
    if (key === before) return;
    before = key;
    render(value);
  };
}
