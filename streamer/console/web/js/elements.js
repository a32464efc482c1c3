/** Makes elements; texts go in as text, never as markup, and styles by class alone. */

const SVG = "http://www.w3.org/2000/svg";

/** An element: `on…` attributes are listeners, `text` its text; null and false are left out. */
export function el(tag, attributes = {}, ...children) {
  return filled(document.createElement(tag), attributes, children);
}

export function svg(tag, attributes = {}, ...children) {
  return filled(document.createElementNS(SVG, tag), attributes, children);
}

/** Set an element's text, if it is another one: what stays is left alone. */
export function say(element, text) {
  if (element.textContent !== text) element.textContent = text;
}

/** Show an element, or don't. */
export function show(element, shown) {
  if (element.hidden === shown) element.hidden = !shown;
}

function filled(element, attributes, children) {
  for (const [name, value] of Object.entries(attributes)) {
    if (value === null || value === undefined || value === false) continue;
    if (name === "text") element.textContent = value;
    else if (name.startsWith("on")) element.addEventListener(name.slice(2), value);
    else element.setAttribute(name, value === true ? "" : value);
  }
  element.append(...children.filter((child) => child !== null && child !== undefined && child !== false));
  return element;
}
