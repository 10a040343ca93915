import { clockTime, count, duration, el, figure, keyed, say, share, short, tell } from "./dom.mjs";
import { Plot } from "./plots.mjs";

const healthTones = { up: "ok", degraded: "warn", down: "bad", unknown: "idle" };
const circuitTones = { closed: "ok", "half-open": "warn", open: "bad", isolated: "bad" };

export function toneOfHealth(status) {
  return healthTones[status] ?? "idle";
}

/** A card of a service: its words, its figures, its two plots, and what may be done. Small: nothing was called. */
export function createService({ name }, { act, isSmall }) {
  const parts = {
    health: el("span", { class: "word" }),
    circuit: el("span", { class: "word" }),
    finding: el("p", { class: "note" }),
    note: el("p", { class: "note muted" }),
    traffic: new Plot({
      title: "Calls per second",
      unit: "perSecond",
      lines: [
        { label: "calls", colour: "accent", fill: true },
        { label: "failed", colour: "bad", dash: "dashed" },
      ],
    }),
    latency: new Plot({
      title: "Latency",
      unit: "ms",
      lines: [
        { label: "p50", colour: "accent" },
        { label: "p95", colour: "second", dash: "dashed" },
        { label: "p99", colour: "third", dash: "dotted" },
      ],
    }),
  };
  const figures = el("dl", { class: "figures" });
  for (const term of ["calls", "failed", "retries", "p50", "p95", "p99"]) parts[term] = figure(figures, term);
  const id = `service-${name}`;
  const head = el(
    "div",
    { class: "head" },
    el("h3", { id }, name),
    el("span", { class: "words" }, parts.health, parts.circuit),
  );
  const body = isSmall ? [] : [figures, parts.traffic.node, parts.latency.node];
  body.push(parts.finding, parts.note);
  if (act) {
    parts.button = el("button", { on: { click: () => act(name, parts.isolated) } });
    body.push(el("div", { class: "row" }, parts.button));
  }
  const node = el("li", { class: "card" }, el("article", { "aria-labelledby": id }, head, ...body));
  node.parts = parts;
  return node;
}

export function updateService({ parts }, service, { series, range, checks }) {
  const { calls, errors, retries, p50Ms, p95Ms, p99Ms, breaker, health, name } = service;
  tell(parts.health, health === "unknown" ? "not checked" : health, toneOfHealth(health));
  const state = breaker?.state ?? "off";
  tell(parts.circuit, `circuit ${state}`, circuitTones[state] ?? "idle");
  say(parts.calls, count(calls));
  say(parts.failed, errors === 0 ? "0" : `${count(errors)} (${share(errors, calls)})`);
  say(parts.retries, count(retries));
  say(parts.p50, duration(p50Ms));
  say(parts.p95, duration(p95Ms));
  say(parts.p99, duration(p99Ms));
  parts.failed.classList.toggle("bad", errors > 0);
  const { message } = checks[name] ?? {};
  parts.finding.hidden = !message || health === "up";
  say(parts.finding, message ?? "");
  say(parts.note, noteOf(service));
  const columns = series.services[name] ?? {};
  const { times, stepMs } = series;
  const empty = () => times.map(() => null);
  const rates = (column) => (column ?? times.map(() => 0)).map((n) => (n * 1000) / stepMs);
  const perSecond = rates(columns.calls);
  const seconds = times.map((at) => at / 1000);
  const peak = Math.max(0, ...perSecond);
  parts.traffic.update({
    ...{ times: seconds, range, columns: [perSecond, rates(columns.errors)] },
    words: `Calls per second of ${name}: ${count(calls)} calls, ${count(errors)} failed, peak ${short(peak)} per second`,
  });
  parts.latency.update({
    ...{ times: seconds, range },
    columns: [columns.p50Ms ?? empty(), columns.p95Ms ?? empty(), columns.p99Ms ?? empty()],
    words: `Latency of ${name}: p50 ${duration(p50Ms)}, p95 ${duration(p95Ms)}, p99 ${duration(p99Ms)}`,
  });
  if (!parts.button) return;
  parts.isolated = state !== "closed" && state !== "off";
  parts.button.hidden = state === "off";
  say(parts.button, parts.isolated ? "Close circuit" : "Isolate");
  parts.button.setAttribute("aria-label", `${parts.isolated ? "Close circuit of" : "Isolate"} ${name}`);
}

function noteOf({ calls, inFlight, waiting, maxInFlight, retryBudget, readOnly, breaker }) {
  const room = maxInFlight === null ? "" : ` of ${count(maxInFlight)}`;
  const words =
    calls + inFlight === 0 ? ["not called"] : [`${count(inFlight)}${room} in flight`, `${count(waiting)} waiting`];
  if (breaker && breaker.remainingMs > 0) words.unshift(`next probe in ${Math.ceil(breaker.remainingMs / 1000)} s`);
  if (retryBudget) words.push(`retry budget ${count(retryBudget.available)} of ${count(retryBudget.capacity)}`);
  if (readOnly) words.push("read-only");
  return words.join(" · ");
}

export function showAlerts(place, alerts, { act, at }) {
  place.empty ??= place.appendChild(el("p", { class: "empty" }, "No alert is pending or firing."));
  place.table ??= place.appendChild(alertTable(act));
  place.empty.hidden = alerts.length > 0;
  place.table.hidden = alerts.length === 0;
  keyed(
    place.table.querySelector("tbody"),
    alerts,
    ({ name, labels }) => `${name} ${JSON.stringify(labels)}`,
    (alert) => alertRow(alert, act),
    ({ parts }, alert) => {
      const { state, severity, message, startedAt, silence } = alert;
      parts.alert = alert;
      tell(parts.state, silence ? `${state}, silenced` : state, silence || state === "pending" ? "warn" : "bad");
      say(parts.severity, severity);
      say(parts.message, message);
      say(parts.since, `${duration(at - startedAt)}`);
      if (!parts.button) return;
      parts.minutes.hidden = silence !== null;
      say(parts.button, silence ? `End silence (until ${clockTime(silence.until).slice(0, 5)})` : "Silence");
    },
  );
}

function alertTable(act) {
  const heads = ["Alert", "State", "Severity", "What", "For", ...(act ? ["Silence"] : [])];
  return tableOf("Alerts that are pending or firing", heads);
}

function alertRow({ name }, act) {
  const parts = {};
  for (const part of ["state", "severity", "message", "since"]) parts[part] = el("span", { class: part });
  parts.state.classList.add("word");
  const cells = [el("strong", {}, name), parts.state, parts.severity, parts.message, parts.since];
  if (act) {
    parts.minutes = el("select", { "aria-label": `How long ${name} is silenced` });
    for (const [minutes, words] of [
      [15, "15 min"],
      [60, "1 hour"],
      [480, "8 hours"],
    ])
      parts.minutes.append(el("option", { value: minutes }, words));
    parts.button = el("button", { on: { click: () => act(parts.alert, Number(parts.minutes.value)) } });
    cells.push(el("span", { class: "row" }, parts.minutes, parts.button));
  }
  const row = rowOf(["Alert", "State", "Severity", "What", "For", "Silence"], cells);
  row.parts = parts;
  return row;
}

export function showPool(place, { pool, series, range }) {
  if (!place.parts) {
    const figures = el("dl", { class: "figures" });
    const parts = { mode: el("span", { class: "word" }), bar: el("span", { class: "bar" }) };
    for (const term of ["lent", "idle", "waiting", "max"]) parts[term] = figure(figures, term);
    parts.awake = figure(figures, "awake", "How long our traffic kept the compute awake");
    parts.wakeUps = figure(figures, "wake-ups");
    parts.plot = new Plot({
      title: "Connections",
      unit: "plain",
      lines: [
        { label: "lent", colour: "accent", fill: true },
        { label: "idle", colour: "second", dash: "dashed" },
        { label: "waiting", colour: "bad", dash: "dotted" },
      ],
    });
    const words = el("span", { class: "words" }, parts.mode);
    place.append(el("div", { class: "head" }, el("h3", {}, pool.name), words), figures, parts.plot.node);
    place.parts = parts;
  }
  const { parts } = place;
  tell(parts.mode, pool.mode, { "read-write": "ok", "read-only": "warn" }[pool.mode] ?? "bad");
  for (const term of ["lent", "idle", "waiting", "max"]) say(parts[term], count(pool[term]));
  say(parts.awake, `${short(pool.awakeMinutes)} min`);
  say(parts.wakeUps, count(pool.wakeUps));
  const { lent, idle, waiting } = series.pool;
  parts.plot.update({
    ...{ times: series.times.map((at) => at / 1000), range, columns: [lent, idle, waiting] },
    words: `Connections: ${pool.lent} lent, ${pool.idle} idle, ${pool.waiting} callers waiting, at most ${pool.max}`,
  });
}

export function showLimits(place, { limits, queue, outbound, at }) {
  if (!place.parts) {
    const figures = el("dl", { class: "figures" });
    const parts = { table: tableOf("Limits and how often they held somebody back", limitHeads) };
    parts.inFlight = figure(figures, "in flight");
    parts.forPlace = figure(figures, "wait for place");
    parts.forLimit = figure(figures, "wait for limit");
    parts.forConnection = figure(figures, "wait for connection");
    parts.learned = el("p", { class: "note muted" });
    place.append(figures, parts.table, parts.learned);
    place.parts = parts;
  }
  const { parts } = place;
  for (const [name, waiting] of Object.entries(queue)) if (parts[name]) say(parts[name], count(waiting));
  keyed(
    parts.table.querySelector("tbody"),
    limits,
    ({ name }) => name,
    ({ name, requests, windowMs, burst }) => {
      const rate = el("span", {}, `${count(requests)} / ${duration(windowMs)}`);
      const cells = [el("strong", {}, name), rate, el("span", {}, count(burst))];
      const [waited, refused] = [el("span", { class: "num" }), el("span", { class: "num" })];
      const row = rowOf(limitHeads, [...cells, waited, refused]);
      row.parts = { waited, refused };
      return row;
    },
    (row, { waited, refused }) => {
      say(row.parts.waited, count(waited));
      say(row.parts.refused, count(refused));
      row.parts.refused.classList.toggle("bad", refused > 0);
    },
  );
  const learned = Object.entries(outbound).map(([name, { pauseMs, quotas, requestsPerSecond }]) => {
    const words = quotas.map((quota) => `${count(quota.remaining)} left of ${quota.name}`);
    if (pauseMs > 0) words.unshift(`paused until ${clockTime(at + pauseMs)}`);
    if (requestsPerSecond !== undefined) words.push(`${short(requestsPerSecond)} per second`);
    return `${name}: ${words.join(", ")}`;
  });
  say(
    parts.learned,
    learned.length > 0 ? `Imposed by services: ${learned.join("; ")}` : "No service imposes a limit now.",
  );
}

const limitHeads = ["Limit", "Rate", "Burst", "Waited", "Refused"];

/** Roles are written out: on a phone rows become blocks, and browsers then forget that it is a table. */
function tableOf(caption, heads) {
  const cells = heads.map((head) => el("th", { scope: "col", role: "columnheader" }, head));
  return el(
    "table",
    { role: "table" },
    el("caption", {}, caption),
    el("thead", { role: "rowgroup" }, el("tr", { role: "row" }, ...cells)),
    el("tbody", { role: "rowgroup" }),
  );
}

function rowOf(heads, [first, ...cells]) {
  const rest = cells.map((cell, i) => el("td", { role: "cell", "data-head": heads[i + 1] }, cell));
  return el("tr", { role: "row" }, el("th", { scope: "row", role: "rowheader" }, first), ...rest);
}
