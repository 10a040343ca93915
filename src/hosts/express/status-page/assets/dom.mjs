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

/** In whole seconds: for what is told anew every two. */
export const wholeSeconds = (ms) => (ms < 60_000 ? `${Math.ceil(ms / 1000)} s` : duration(ms));

export function clockTime(at) {
  return new Date(at).toLocaleTimeString("en-GB");
}

export function share(part, all) {
  if (part === 0 || all === 0) return "0 %";
  const percent = (100 * part) / all;
  return percent < 0.1 ? "<0.1 %" : `${percent.toFixed(percent < 10 ? 1 : 0)} %`;
}

/** A bar that shows how full something is, and the words beside it, which tell the same. */
export function meter() {
  const level = el("span", { class: "level" });
  const words = el("span", { class: "num" });
  const node = el("span", { class: "meter" }, el("span", { class: "gauge", "aria-hidden": "true" }, level), words);
  return {
    node,
    update(part, whole, text, tone = "accent") {
      level.style.width = `${whole > 0 ? Math.min(100, (100 * part) / whole) : 0}%`;
      if (level.dataset.tone !== tone) level.dataset.tone = tone;
      say(words, text);
    },
  };
}

/** Roles are written out: on a phone rows become blocks, and browsers then forget that it is a table. */
export function tableOf(caption, heads) {
  const cells = heads.map((head) => el("th", { scope: "col", role: "columnheader" }, head));
  return el(
    "table",
    { role: "table" },
    el("caption", {}, caption),
    el("thead", { role: "rowgroup" }, el("tr", { role: "row" }, ...cells)),
    el("tbody", { role: "rowgroup" }),
  );
}

export function rowOf(heads, [first, ...cells]) {
  const rest = cells.map((cell, i) => el("td", { role: "cell", "data-head": heads[i + 1] }, cell));
  return el("tr", { role: "row" }, el("th", { scope: "row", role: "rowheader" }, first), ...rest);
}
