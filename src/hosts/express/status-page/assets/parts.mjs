import { count, el, keyed, say, tell } from "./dom.mjs";

const circuitTones = { closed: "ok", "half-open": "warn", open: "bad", isolated: "bad" };

export function tellCircuit(node, breaker, prefix = "") {
  const state = breaker?.state ?? "off";
  tell(node, `${prefix}${state}`, circuitTones[state] ?? "idle");
}

/** A button that isolates a circuit, or closes it where it is anything else than closed. Hidden where there is none. */
export function circuitButton(name, act, closeWord = "Close circuit") {
  let isHeldBack = false;
  const node = el("button", { on: { click: () => act(isHeldBack) } });
  return {
    node,
    update(breaker) {
      isHeldBack = breaker !== null && breaker.state !== "closed";
      node.hidden = breaker === null;
      say(node, isHeldBack ? closeWord : "Isolate");
      node.setAttribute("aria-label", `${isHeldBack ? "Close circuit of" : "Isolate"} ${name}`);
    },
  };
}

/** How many of a service's circuits let nothing through: of its parts, or else its own. */
export function heldCircuits({ breaker, parts }) {
  const isHeld = (circuit) => ["open", "isolated"].includes(circuit?.state);
  return parts.filter((part) => isHeld(part.breaker)).length || Number(isHeld(breaker));
}

export const isBreaking = (breaker) => breaker !== null && breaker.remainingMs > 0;
export const probeIn = ({ remainingMs }) => `next probe in ${Math.ceil(remainingMs / 1000)} s`;

/** The parts of a service that have circuits of their own, a line each. */
export function partList(service, act) {
  const node = el("ul", { class: "parts", "aria-label": `Parts of ${service}` });
  return {
    node,
    update(parts) {
      node.hidden = parts.length === 0;
      // All of them: it is the service that was isolated, and that is closed.
      const isWhole = parts.every(({ breaker }) => breaker?.state === "isolated");
      keyed(
        node,
        parts,
        ({ name }) => name,
        (part) => createPart(service, part, act),
        (line, part) => updatePart(line, part, isWhole),
      );
    },
  };
}

function createPart(service, { name }, act) {
  const parts = { circuit: el("span", { class: "word" }), note: el("span", { class: "muted" }) };
  const line = el("li", {}, el("strong", {}, name), parts.circuit);
  if (act) {
    parts.button = circuitButton(`${service}.${name}`, (isHeldBack) => act(service, isHeldBack, name), "Close");
    line.append(parts.button.node);
  }
  line.append(parts.note);
  line.parts = parts;
  return line;
}

function updatePart({ parts }, part, isWhole) {
  tellCircuit(parts.circuit, part.breaker);
  say(parts.note, partNote(part));
  parts.button?.update(isWhole ? null : part.breaker);
}

/** What is out of the ordinary. */
function partNote({ breaker, inFlight, waiting, retryBudget }) {
  const words = [];
  if (isBreaking(breaker)) words.push(probeIn(breaker));
  if (inFlight > 0) words.push(`${count(inFlight)} in flight`);
  if (waiting > 0) words.push(`${count(waiting)} waiting`);
  if (retryBudget && retryBudget.available < retryBudget.capacity / 4)
    words.push(`retry budget ${count(retryBudget.available)} of ${count(retryBudget.capacity)}`);
  return words.join(" · ");
}
