import { count, el, figure, keyed, meter, rowOf, say, short, tableOf, wholeSeconds } from "./dom.mjs";

const lineHeads = ["Service", "Attempts", "Places", "Waiting"];
const limitHeads = ["Limit", "Used by the busiest key", "Keys", "Waited", "Refused"];
const imposedHeads = ["Service", "What it allows now"];

/** Who waits and for what, and each service's own line. */
export function showQueue(place, { queue, services }) {
  if (!place.parts) {
    const figures = el("dl", { class: "figures" });
    place.parts = {
      inFlight: figure(figures, "in flight", "Calls that are not finished"),
      forPlace: figure(figures, "for a place", "Attempts that wait for a place beside others of their service"),
      forLimit: figure(figures, "for a limit", "Callers that wait for a limit"),
      forConnection: figure(figures, "for a connection", "Callers that wait for a connection to the database"),
    };
    place.parts.lines = tableOf("Lines of the services", lineHeads);
    place.append(figures, place.parts.lines);
  }
  for (const [name, value] of Object.entries(queue)) {
    say(place.parts[name], count(value));
    place.parts[name].classList.toggle("warn", name !== "inFlight" && value > 0);
  }
  const called = services.filter(({ calls, inFlight }) => calls + inFlight > 0).flatMap(linesOf);
  place.parts.lines.hidden = called.length === 0;
  keyed(place.parts.lines.querySelector("tbody"), called, ({ name }) => name, createLine, updateLine);
}

/** A service's own, and those of its parts that are bounded or where somebody waits. */
function linesOf(service) {
  const parts = service.parts.filter(({ maxInFlight, waiting }) => maxInFlight !== null || waiting > 0);
  return [service, ...parts.map((part) => ({ ...part, name: `${service.name}.${part.name}` }))];
}

function createLine({ name }) {
  const parts = {};
  for (const part of ["inFlight", "places", "waiting"]) parts[part] = el("span", { class: "num" });
  const row = rowOf(lineHeads, [el("strong", {}, name), parts.inFlight, parts.places, parts.waiting]);
  row.parts = parts;
  return row;
}

function updateLine({ parts }, { inFlight, maxInFlight, waiting }) {
  say(parts.inFlight, count(inFlight));
  say(parts.places, maxInFlight === null ? "no bound" : count(maxInFlight));
  say(parts.waiting, count(waiting));
  parts.waiting.classList.toggle("warn", waiting > 0);
}

/** Our own limits and how far they are used up, and what services impose on us. */
export function showLimits(place, { limits, outbound }) {
  if (!place.parts) {
    const own = tableOf("Limits, how far they are used up, and how often they held somebody back", limitHeads);
    const imposed = tableOf("Imposed by services", imposedHeads);
    place.parts = { own, imposed, none: el("p", { class: "note muted" }, "No service imposes a limit now.") };
    place.append(own, el("h3", { class: "sub" }, "Imposed by services"), imposed, place.parts.none);
  }
  const { own, imposed, none } = place.parts;
  keyed(own.querySelector("tbody"), limits.flatMap(policiesOf), ({ key }) => key, createPolicy, updatePolicy);
  const rows = Object.entries(outbound).flatMap(imposedBy);
  imposed.hidden = rows.length === 0;
  none.hidden = rows.length > 0;
  keyed(imposed.querySelector("tbody"), rows, ({ key }) => key, createImposed, updateImposed);
}

/** A row for each policy of a limit; what it held back is told once. */
function policiesOf(limit) {
  const { name, policies = [limit], usage } = limit;
  return policies.map((policy, i) => {
    const used = policies.length === 1 ? usage.policies[0] : usage.policies.find((each) => each.name === policy.name);
    return { key: `${name} ${i}`, limit, policy, used, isFirst: i === 0 };
  });
}

function createPolicy({ limit, policy: { requests, windowMs, burst } }) {
  const rate = `${count(requests)} in ${wholeSeconds(windowMs)}${burst === requests ? "" : `, ${count(burst)} at once`}`;
  const parts = { used: meter() };
  for (const part of ["keys", "waited", "refused"]) parts[part] = el("span", { class: "num" });
  const name = el("span", {}, el("strong", {}, limit.name), " ", el("small", { class: "muted" }, rate));
  const row = rowOf(limitHeads, [name, parts.used.node, parts.keys, parts.waited, parts.refused]);
  row.parts = parts;
  return row;
}

function updatePolicy({ parts }, { limit: { usage, waited, refused }, used, isFirst }) {
  if (used) {
    const again = used.resetMs > 0 ? `, free again in ${wholeSeconds(used.resetMs)}` : "";
    const words = `${count(used.used)} of ${count(used.limit)}${again}`;
    parts.used.update(used.used, used.limit, words, toneOf(used.used / used.limit));
  } else parts.used.update(0, 1, "not known yet");
  say(parts.keys, isFirst ? count(usage.keys) : "");
  say(parts.waited, isFirst ? count(waited) : "");
  say(parts.refused, isFirst ? count(refused) : "");
  parts.refused.classList.toggle("bad", isFirst && refused > 0);
}

function toneOf(ratio) {
  return ratio >= 1 ? "bad" : ratio >= 0.75 ? "warn" : "accent";
}

/** A row for the pause, each quota and the pace that were learned of one service. */
function imposedBy([name, { pauseMs, quotas, requestsPerSecond }]) {
  const rows = quotas.map(({ name: quota, limit, remaining, resetMs }) => {
    const left = limit === undefined ? `${count(remaining)} left` : `${count(remaining)} of ${count(limit)} left`;
    const whole = limit ?? remaining;
    const words = `${left}, new ones in ${wholeSeconds(resetMs)}`;
    return {
      key: `${name} ${quota}`,
      name,
      part: whole - remaining,
      whole,
      words,
      tone: remaining > 0 ? "accent" : "bad",
    };
  });
  if (pauseMs > 0)
    rows.unshift({ key: name, name, part: 1, whole: 1, words: `nothing for ${wholeSeconds(pauseMs)}`, tone: "bad" });
  if (requestsPerSecond !== undefined)
    rows.push({
      key: `${name} pace`,
      name,
      part: 0,
      whole: 0,
      words: `${short(requestsPerSecond)} a second, as learned`,
    });
  return rows;
}

function createImposed({ name }) {
  const parts = { level: meter() };
  const row = rowOf(imposedHeads, [el("strong", {}, name), parts.level.node]);
  row.parts = parts;
  return row;
}

function updateImposed({ parts }, { part, whole, words, tone }) {
  parts.level.update(part, whole, words, tone);
}
