/* global document, EventSource, fetch, setTimeout, clearTimeout */
import { clockTime, keyed, say, tell, wholeSeconds } from "./dom.mjs";
import { showLimits, showQueue } from "./limits.mjs";
import { heldCircuits } from "./parts.mjs";
import { createService, showAlerts, showPool, toneOfHealth, updateService } from "./sections.mjs";
import { showCalls } from "./timeline.mjs";

const at = (id) => document.getElementById(id);
const mayAct = document.documentElement.dataset.actions === "yes";
const overallWords = { up: "All is well", degraded: "Degraded", down: "Down", unknown: "Not checked yet" };
/** A snapshot comes every two seconds. */
const SILENT_MS = 10_000;
/** A young history is not drawn wider than this. */
const LEAST_SPAN_MS = 120_000;
const SHOWN_CALLS = 10;
/** What a visitor is answered whose session is over. */
const refusals = new Set([401, 403, 404]);

let series;
let quiet;

/** Appends the new steps of a snapshot to those already here. */
function joined(news) {
  if (!series) return news;
  const { steps } = news;
  const join = (old = [], more = [], length = 0, blank = 0) =>
    [...Array.from({ length: length - old.length }, () => blank), ...old, ...more].slice(-steps);
  const before = series.times.length;
  const services = {};
  for (const name of new Set([...Object.keys(series.services), ...Object.keys(news.services)])) {
    const [old = {}, more = {}] = [series.services[name], news.services[name]];
    services[name] = {};
    for (const column of ["calls", "errors", "retries", "p50Ms", "p95Ms", "p99Ms"])
      services[name][column] = join(old[column], more[column], before, column.endsWith("Ms") ? null : 0);
  }
  const pool = {};
  for (const gauge of ["lent", "idle", "waiting"]) pool[gauge] = join(series.pool[gauge], news.pool[gauge]);
  return { ...news, times: join(series.times, news.times), services, pool };
}

function show(snapshot) {
  const spanMs = Math.min(series.steps * series.stepMs, Math.max(LEAST_SPAN_MS, snapshot.windowMs));
  const range = [(snapshot.at - spanMs) / 1000, snapshot.at / 1000];
  say(at("app"), snapshot.app.name);
  say(at("version"), `${snapshot.app.version} · ${snapshot.app.environment}`);
  const { status } = snapshot.health;
  const firing = snapshot.alerts.filter(({ state, silence }) => state === "firing" && !silence).length;
  const held = snapshot.services.reduce((sum, service) => sum + heldCircuits(service), 0);
  const troubles = [
    ...(firing > 0 ? [`${firing} ${firing === 1 ? "alert" : "alerts"} firing`] : []),
    ...(held > 0 ? [`${held} ${held === 1 ? "circuit" : "circuits"} open`] : []),
  ];
  const isUneasy = troubles.length > 0 && status === "up";
  const overall = [isUneasy ? "Services are up" : overallWords[status], ...troubles].join(", ");
  tell(at("overall"), overall, isUneasy ? "warn" : toneOfHealth(status));
  const title = `${overall} – ${snapshot.app.name}`;
  if (document.title !== title) document.title = title;
  say(at("updated"), clockTime(snapshot.at));
  say(at("window"), `last ${wholeSeconds(Math.max(snapshot.windowMs, 1000))}`);
  showAlerts(at("alerts"), snapshot.alerts, { act: mayAct && silence, at: snapshot.at });
  const isQuiet = ({ calls, inFlight }) => calls === 0 && inFlight === 0;
  for (const [place, services] of [
    ["services", snapshot.services.filter((service) => !isQuiet(service))],
    ["quiet", snapshot.services.filter(isQuiet)],
  ])
    keyed(
      at(place),
      services,
      ({ name }) => name,
      (service) => createService(service, { act: mayAct && turn, isSmall: place === "quiet" }),
      (node, service) => updateService(node, service, { series, range, checks: snapshot.health.checks }),
    );
  showPool(at("pool"), { pool: snapshot.pool, series, range });
  showQueue(at("queue"), snapshot);
  showLimits(at("limits"), snapshot);
  showCalls(at("failed"), snapshot.calls.failed.slice(0, SHOWN_CALLS), "No call failed in the last 15 minutes.");
  showCalls(at("slow"), snapshot.calls.slow.slice(0, SHOWN_CALLS), "No call ended in the last 15 minutes.");
}

function silence(alert, minutes) {
  const action = alert.silence
    ? { action: "unsilence", silence: alert.silence.id }
    : { action: "silence", alert: alert.name, minutes };
  const done = alert.silence ? `${alert.name} is heard again` : `${alert.name} is silenced`;
  void send(action, done);
}

async function turn(service, isHeldBack, part) {
  const name = part === undefined ? service : `${service}.${part}`;
  const [action, question, done] = isHeldBack
    ? ["close", `Let all calls to ${name} through again?`, `The circuit of ${name} is closed`]
    : ["isolate", `Refuse all calls to ${name} until its circuit is closed again?`, `${name} is isolated`];
  if (await confirmed(question)) await send({ action, service, part }, done);
}

async function send(action, done) {
  try {
    const headers = { "content-type": "application/json" };
    const response = await fetch("actions", { method: "POST", headers, body: JSON.stringify(action) });
    const answer = await response.json();
    if (!response.ok) return announce(answer.error ?? `The server answered ${response.status}`);
    announce(`${done}.`);
    series = joined(answer.series);
    show(answer);
  } catch (error) {
    announce(`It was not done: ${error.message}`);
  }
}

function announce(words) {
  const said = at("said");
  said.hidden = false;
  say(said, words);
}

/** Escape and Cancel mean no. */
function confirmed(question) {
  const ask = at("ask");
  say(at("question"), question);
  ask.showModal();
  return new Promise((resolve) => {
    at("yes").onclick = () => ask.close("yes");
    at("no").onclick = () => ask.close("");
    ask.onclose = () => {
      resolve(ask.returnValue === "yes");
      ask.returnValue = "";
    };
  });
}

function disconnected() {
  tell(at("link"), "disconnected, trying again; last data", "bad");
  document.body.classList.add("stale");
}

function connect() {
  const source = new EventSource("events");
  let isFirst = true;
  source.onopen = () => (isFirst = true);
  source.onmessage = ({ data }) => {
    const snapshot = JSON.parse(data);
    // The first after a pause has all steps again.
    series = isFirst ? snapshot.series : joined(snapshot.series);
    isFirst = false;
    tell(at("link"), "live", "ok");
    document.body.classList.remove("stale");
    show(snapshot);
    clearTimeout(quiet);
    quiet = setTimeout(disconnected, SILENT_MS);
  };
  source.onerror = async () => {
    disconnected();
    if (source.readyState !== EventSource.CLOSED) return;
    // A browser gives up after an answer that is no stream, and does not tell which: a proxy's, or a refusal.
    const status = await fetch("events", { method: "HEAD" }).then(
      (answer) => answer.status,
      () => 0,
    );
    if (refusals.has(status)) tell(at("link"), "you may not see this any more; last data", "bad");
    setTimeout(connect, 5_000);
  };
}

connect();
