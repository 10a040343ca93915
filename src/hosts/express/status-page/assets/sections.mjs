import {
  clockTime,
  count,
  duration,
  el,
  figure,
  keyed,
  meter,
  rowOf,
  say,
  share,
  short,
  tableOf,
  tell,
} from "./dom.mjs";
import { circuitButton, isBreaking, partList, probeIn, tellCircuit } from "./parts.mjs";
import { Plot } from "./plots.mjs";

const healthTones = { up: "ok", degraded: "warn", down: "bad", unknown: "idle" };

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
    list: partList(name, act),
    budgetName: el("span"),
    budget: meter(),
    share: el("small", { class: "share" }),
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
  const failed = parts.failed;
  parts.failed = el("span");
  failed.replaceChildren(parts.failed, parts.share);
  const id = `service-${name}`;
  const head = el(
    "div",
    { class: "head" },
    el("h3", { id }, name),
    el("span", { class: "words" }, parts.health, parts.circuit),
  );
  const body = isSmall ? [] : [figures, parts.traffic.node, parts.latency.node];
  body.push(parts.finding, parts.note, parts.list.node);
  if (!isSmall) body.push(el("p", { class: "note muted budget" }, parts.budgetName, parts.budget.node));
  if (act) {
    parts.button = circuitButton(name, (isHeldBack) => act(name, isHeldBack));
    body.push(el("div", { class: "row" }, parts.button.node));
  }
  const node = el("li", { class: "card" }, el("article", { "aria-labelledby": id }, head, ...body));
  node.parts = parts;
  return node;
}

export function updateService({ parts }, service, { series, range, checks }) {
  const { calls, errors, retries, p50Ms, p95Ms, p99Ms, breaker, health, name } = service;
  tell(parts.health, health === "unknown" ? "not checked" : health, toneOfHealth(health));
  tellCircuit(parts.circuit, breaker, "circuit ");
  say(parts.calls, count(calls));
  say(parts.failed, count(errors));
  say(parts.share, errors === 0 ? "" : ` ${share(errors, calls)}`);
  say(parts.retries, count(retries));
  say(parts.p50, duration(p50Ms));
  say(parts.p95, duration(p95Ms));
  say(parts.p99, duration(p99Ms));
  parts.failed.parentElement.classList.toggle("bad", errors > 0);
  const { message } = checks[name] ?? {};
  parts.finding.hidden = !message || health === "up";
  say(parts.finding, message ?? "");
  say(parts.note, noteOf(service));
  parts.list.update(service.parts);
  const budget = parts.budget.node.parentElement;
  if (budget) budget.hidden = !service.retryBudget;
  say(parts.budgetName, service.parts.length > 0 ? "lowest budget" : "retry budget");
  if (service.retryBudget) showBudget(parts.budget, service.retryBudget);
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
  parts.button?.update(breaker);
}

/** Only success earns: an empty one means that first attempts are all there is. */
function showBudget(budget, { available, capacity }) {
  const tone = available === 0 ? "bad" : available < capacity / 4 ? "warn" : "ok";
  budget.update(available, capacity, `${count(available)} of ${count(capacity)}`, tone);
}

function noteOf({ calls, inFlight, waiting, maxInFlight, readOnly, breaker, parts }) {
  const room = maxInFlight === null ? "" : ` of ${count(maxInFlight)}`;
  const words =
    calls + inFlight === 0 ? ["not called"] : [`${count(inFlight)}${room} in flight`, `${count(waiting)} waiting`];
  if (isBreaking(breaker) && !parts.some((part) => isBreaking(part.breaker))) words.unshift(probeIn(breaker));
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
    const parts = { mode: el("span", { class: "word" }), usage: meter() };
    for (const term of ["lent", "idle", "waiting"]) parts[term] = figure(figures, term);
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
    const head = el("div", { class: "head" }, el("h3", {}, pool.name), words);
    place.append(head, figures, parts.usage.node, parts.plot.node);
    place.parts = parts;
  }
  const { parts } = place;
  tell(parts.mode, pool.mode, { "read-write": "ok", "read-only": "warn" }[pool.mode] ?? "bad");
  for (const term of ["lent", "idle", "waiting"]) say(parts[term], count(pool[term]));
  const tone = pool.lent >= pool.max ? "bad" : pool.lent > pool.max * 0.8 ? "warn" : "accent";
  parts.usage.update(pool.lent, pool.max, `${count(pool.lent)} of ${count(pool.max)} connections lent`, tone);
  say(parts.awake, `${short(pool.awakeMinutes)} min`);
  say(parts.wakeUps, count(pool.wakeUps));
  const { lent, idle, waiting } = series.pool;
  parts.plot.update({
    ...{ times: series.times.map((at) => at / 1000), range, columns: [lent, idle, waiting] },
    words: `Connections: ${pool.lent} lent, ${pool.idle} idle, ${pool.waiting} callers waiting, at most ${pool.max}`,
  });
}
