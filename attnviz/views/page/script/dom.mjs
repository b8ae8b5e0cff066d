// Helpers for elements of the page.

export const byId = (id) => document.getElementById(id);

/**
 * Make an element.
 *
 * @param {string} name of the tag
 * @param {Object<string, *>} properties set as properties where the element has them, else as attributes; `text` is its
 *   text
 * @param {...(Node|string)} children
 * @returns {HTMLElement}
 */
export function make(name, properties = {}, ...children) {
  const element = document.createElement(name);
  for (const [key, value] of Object.entries(properties)) {
    if (key === "text") element.textContent = value;
    else if (key in element && key !== "role") element[key] = value;
    else element.setAttribute(key, value);
  }
  element.append(...children);
  return element;
}
