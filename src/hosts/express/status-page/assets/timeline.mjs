/* global document */
import { clockTime, duration, el, keyed, say, tell } from "./dom.mjs";

/** One call: a line to scan, and its timeline inside. */
function createCall(call) {
  const outcome = el("span", { class: "word" });
  const line = el(
    "summary",
    {},
    el("span", { class: "num muted" }, clockTime(call.startedAt)),
    el("strong", {}, `${call.service}.`, el("wbr"), call.operation),
    outcome,
    el("span", { class: "num" }, duration(call.durationMs)),
  );
  const steps = el("ol", { class: "steps" });
  for (const step of call.steps) steps.append(stepOf(step, Math.max(call.durationMs, 1)));
  const details = el("details", {}, line, el("p", { class: "muted" }, wordsOf(call)), steps);
  tell(outcome, call.outcome === "ok" ? "ok" : (call.code ?? "failed"), call.outcome === "ok" ? "ok" : "bad");
  return el("li", {}, details);
}

function wordsOf({ attempts, waitedMs, otherMs, callId, steps }) {
  const tries = attempts === 1 ? "1 attempt" : `${attempts} attempts`;
  const nothing = steps.length === 0 ? " No step was recorded." : "";
  return `${tries}, ${duration(waitedMs)} waiting, ${duration(otherMs)} our own work. Call ${callId}.${nothing}`;
}

function stepOf(step, wholeMs) {
  const { atMs, durationMs = 0 } = step;
  const bar = el("span", { class: `bar ${step.step} ${step.outcome ?? ""}` });
  // What takes no time at the very end is still seen.
  bar.style.marginLeft = `${Math.min(99, (100 * atMs) / wholeMs)}%`;
  bar.style.width = `${(100 * durationMs) / wholeMs}%`;
  const took = durationMs > 0 ? `, ${duration(durationMs)}` : "";
  const words = el("span", {}, `${titleOf(step)}${took}`, el("span", { class: "muted" }, ` at ${duration(atMs)}`));
  const message = step.message ? [el("span", { class: "message" }, step.message)] : [];
  return el("li", {}, words, el("span", { class: "track", "aria-hidden": "true" }, bar), ...message);
}

function titleOf(step) {
  switch (step.step) {
    case "attempt": {
      const why = step.code ? ` ${step.code}${step.verdict ? ` (${step.verdict})` : ""}` : "";
      return `${step.hedge ? "hedged attempt" : "attempt"} ${step.attempt}: ${step.outcome}${why}`;
    }
    case "wait":
      return `waited for ${step.for}`;
    case "refusal":
      return `turned away by ${step.by}: ${step.code}`;
    case "cache":
      return `answer from the cache: ${step.answer}`;
    default:
      return `${step.count} further steps`;
  }
}

/** What somebody reads, or has reached by keyboard, stays when newer calls take its place. */
export function showCalls(list, calls, empty) {
  const isRead = ({ callId }) => {
    const node = list.kept?.get(callId);
    return node?.querySelector("details[open]") || node?.contains(document.activeElement);
  };
  const known = new Set(calls.map(({ callId }) => callId));
  const read = (list.shown ?? []).filter((call) => !known.has(call.callId) && isRead(call));
  list.shown = [...calls, ...read];
  const items = list.shown.length > 0 ? list.shown : [{ callId: "" }];
  keyed(
    list,
    items,
    ({ callId }) => callId,
    (call) => (call.callId === "" ? el("li", { class: "empty" }) : createCall(call)),
    (node, call) => call.callId === "" && say(node, empty),
  );
}
