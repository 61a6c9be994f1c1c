/** Makes and updates elements. Names from regions only ever become text. */
import { printable } from "./format.js";

const SVG = "http://www.w3.org/2000/svg";

/**
 * @param {string} tag
 * @param {string} className
 * @param {(Node | string)[]} children a string is text, whose control characters are made visible
 * @returns {HTMLElement}
 */
export function element(tag, className = "", ...children) {
	const made = document.createElement(tag);
	if (className !== "") made.className = className;
	made.append(...children.map((child) => (typeof child === "string" ? printable(child) : child)));
	return made;
}

/**
 * @param {string} tag
 * @param {Record<string, string | number>} attributes
 * @param {Node[]} children
 * @returns {SVGElement}
 */
export function svg(tag, attributes = {}, ...children) {
	const made = document.createElementNS(SVG, tag);
	for (const [name, value] of Object.entries(attributes)) made.setAttribute(name, String(value));
	made.append(...children);
	return made;
}

/**
 * Sets an element's text, only if it has changed, so that a selection stays.
 *
 * @param {Element} target
 * @param {string} text
 */
export function setText(target, text) {
	const shown = printable(text);
	if (target.textContent !== shown) target.textContent = shown;
}

/**
 * Makes the children of `parent` those of `items`, in this order. Children of items that stay are kept and
 * updated, so that focus, selection and scrolling stay.
 *
 * `make` runs once for each key, so what an update needs must be in the item.
 *
 * @template T
 * @param {Element} parent
 * @param {readonly T[]} items
 * @param {(item: T) => string} keyOf
 * @param {(item: T) => { root: Element, update: (item: T) => void }} make
 */
export function keyed(parent, items, keyOf, make) {
	const known = children.get(parent) ?? new Map();
	children.set(parent, known);
	const left = new Set(known.keys());
	/** @type {Element | null} */
	let next = parent.firstElementChild;
	for (const item of items) {
		const key = keyOf(item);
		left.delete(key);
		let child = known.get(key);
		if (child === undefined) {
			child = make(item);
			known.set(key, child);
		}
		child.update(item);
		if (child.root === next) next = child.root.nextElementSibling;
		else parent.insertBefore(child.root, next);
	}
	for (const key of left) {
		known.get(key)?.root.remove();
		known.delete(key);
	}
}

/** @type {WeakMap<Element, Map<string, { root: Element, update: (item: any) => void }>>} */
const children = new WeakMap();
