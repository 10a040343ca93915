/* global document */

/** An element with attributes and children. Text is always text: nothing that was measured is ever read as HTML. */
export function el(tag, attributes = {}, ...children) {
  const node = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes))
    if (name === "on") for (const [event, listener] of Object.entries(value)) node.addEventListener(event, listener);
    else if (value !== undefined && value !== false) node.setAttribute(name, value === true ? "" : String(value));
  node.append(...children);
  return node;
}

/** Writes only what changed, so that selections and screen readers are left alone. */
export function say(node, text) {
  const words = String(text);
  if (node.textContent !== words) node.textContent = words;
}

/** A word with a tone: `ok`, `warn`, `bad` or `idle`. The word tells; colour and mark only repeat it. */
export function tell(node, word, tone) {
  say(node, word);
  if (node.dataset.tone !== tone) node.dataset.tone = tone;
}

/** Keeps one element per item: what stays keeps its focus and its open details. */
export function keyed(parent, items, keyOf, create, update) {
  const kept = (parent.kept ??= new Map());
  const keys = new Set(items.map(keyOf));
  for (const [key, node] of kept)
    if (!keys.has(key)) {
      node.remove();
      kept.delete(key);
    }
  let before = null;
  for (const item of items) {
    const key = keyOf(item);
    let node = kept.get(key);
    if (!node) kept.set(key, (node = create(item)));
    const place = before ? before.nextSibling : parent.firstChild;
    if (node !== place) parent.insertBefore(node, place);
    update(node, item);
    before = node;
  }
}

/** A term and its figure, for a description list. @returns the figure's element */
export function figure(list, term, title) {
  const value = el("dd", { class: "num" }, "–");
  list.append(el("div", title ? { title } : {}, el("dt", {}, term), value));
  return value;
}

const whole = new Intl.NumberFormat("en");
const fine = new Intl.NumberFormat("en", { maximumSignificantDigits: 3 });

export const count = (n) => (n === null ? "∞" : whole.format(n));
export const short = (n) => fine.format(n);

export function duration(ms) {
  if (ms === null || ms === undefined) return "–";
  if (ms < 10) return `${fine.format(Math.round(ms * 10) / 10)} ms`;
  if (ms < 1000) return `${Math.round(ms)} ms`;
  if (ms < 60_000) return `${(ms / 1000).toFixed(ms < 10_000 ? 2 : 1)} s`;
  if (ms < 5_400_000) return `${Math.round(ms / 60_000)} min`;
  return `${(ms / 3_600_000).toFixed(1)} h`;
}

export function clockTime(at) {
  return new Date(at).toLocaleTimeString("en-GB");
}

export function share(part, all) {
  return all === 0 ? "0 %" : `${((100 * part) / all).toFixed(part > 0 && part / all < 0.1 ? 1 : 0)} %`;
}
