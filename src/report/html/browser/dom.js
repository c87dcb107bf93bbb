/** Elements of the page. Text goes in as text: nothing of a result is ever read as markup. */

const SVG = "http://www.w3.org/2000/svg";

/**
 * @param {string} tag
 * @param {Record<string, unknown>} [properties] attributes; `on…` are listeners, false and undefined are left out
 * @param {...(Node | string)} children
 * @returns {HTMLElement}
 */
export function element(tag, properties = {}, ...children) {
  const node = document.createElement(tag);
  apply(node, properties);
  node.append(...children);
  return node;
}

/**
 * @param {string} tag
 * @param {Record<string, unknown>} [properties]
 * @param {...(Node | string)} children
 * @returns {SVGElement}
 */
export function drawn(tag, properties = {}, ...children) {
  const node = document.createElementNS(SVG, tag);
  apply(node, properties);
  node.append(...children);
  return node;
}

/**
 * @param {Element} node
 * @param {Record<string, unknown>} properties
 */
function apply(node, properties) {
  for (const [name, value] of Object.entries(properties)) {
    if (value === undefined || value === false) continue;
    if (typeof value === "function") {
      node.addEventListener(name.slice(2), /** @type {EventListener} */ (value));
    } else node.setAttribute(name, value === true ? "" : String(value));
  }
}

/** A colour that the style sheet lightens on dark ground. */
export function colouredBy(colour) {
  return `--own:${/^#[0-9a-fA-F]{6}$/.test(colour) ? colour : "#6b7280"}`;
}
