import fc from "fast-check";
import { spawnSync } from "node:child_process";
import { createRequire } from "node:module";
import { describe, expect, it } from "vitest";
import { EventBus, IntegrationError, Secret } from "../../src/core/index.ts";
import { createLogger, type CreateLoggerOptions, logEvents } from "../../src/monitoring/index.ts";
import { prettyPrinter } from "../../src/monitoring/logs/create-logger.ts";
import { ManualClock } from "../../src/testing/index.ts";

function captured(options: CreateLoggerOptions = {}) {
  const lines: string[] = [];
  const logger = createLogger({ clock: new ManualClock(), destination: { write: (l) => lines.push(l) }, ...options });
  const json = () => lines.map((line) => JSON.parse(line) as Record<string, unknown>);
  return { logger, lines, json, text: () => lines.join("") };
}

describe("createLogger", () => {
  it("writes one JSON object per line, with level, time, name and version", () => {
    const { logger, lines } = captured({ name: "listings", version: "1.2.3" });
    logger.info({ callId: "c1" }, "done");
    expect(lines).toEqual([
      '{"level":"info","time":"2026-01-01T00:00:00.000Z","name":"listings","version":"1.2.3","callId":"c1","msg":"done"}\n',
    ]);
  });

  it("writes nothing below its level", () => {
    const { logger, json } = captured({ level: "warn" });
    logger.debug({}, "no");
    logger.info({}, "no");
    logger.warn({}, "yes");
    logger.error({}, "yes");
    expect(json().map(({ level }) => level)).toEqual(["warn", "error"]);
  });

  it("tells an error with its code, stack and causes", () => {
    const { logger, json } = captured();
    const error = new IntegrationError({ code: "NETWORK", message: "no answer", cause: new Error("socket gone") });
    logger.error({ error }, "failed");
    expect(json()[0]?.["error"]).toMatchObject({
      code: "NETWORK",
      message: "no answer",
      verdict: "retryable",
      stack: expect.stringContaining("logger.test.ts"),
      cause: { message: "socket gone" },
    });
  });

  it.each([
    ["stdout", 0],
    ["stderr", 1],
  ] as const)("writes to %s alone, whole even when the process exits at once", (destination, index) => {
    const source = new URL("../../src/monitoring/index.ts", import.meta.url).href;
    const program = `
      import { createLogger } from ${JSON.stringify(source)};
      const logger = createLogger({ destination: "${destination}" });
      for (let i = 0; i < 2000; i += 1) logger.info({ i }, "x".repeat(100));
      process.exit(0);`;
    const child = spawnSync(process.execPath, ["--input-type=module", "-e", program], { encoding: "utf8" });
    const outputs = [child.stdout, child.stderr];
    expect(outputs[index]?.trimEnd().split("\n")).toHaveLength(2_000);
    expect(outputs[1 - index]).toBe("");
  });

  it("refuses an unknown level, format and destination", () => {
    expect(() => createLogger({ level: "loud" as never, format: "xml" as never })).toThrow(
      /level must be one of trace.*got "loud"; format must be json or pretty, got "xml"/,
    );
    expect(() => createLogger({ destination: "syslog" as never })).toThrow(/destination must be .* got "syslog"/);
  });
});

describe("secrets", () => {
  const secret = 'p4ss/w+rd "with" \\ all=kinds&of ünïcode';
  const { logger, lines, text } = captured({ secrets: [new Secret(secret), "tf_live_0123456789abcdef"] });
  const spellings: readonly (readonly [string, (value: string) => string])[] = [
    ["as it is", (value) => value],
    ["URL-encoded", (value) => encodeURIComponent(value)],
    ["URL-encoded in small letters", (v) => encodeURIComponent(v).replace(/%../g, (hex) => hex.toLowerCase())],
    ["form-encoded", (value) => new URLSearchParams({ key: value }).toString()],
    ["base64", (value) => Buffer.from(value).toString("base64")],
    ["base64url", (value) => Buffer.from(value).toString("base64url")],
    ["base64 after one byte", (value) => Buffer.from(`:${value}:`).toString("base64")],
    ["base64 after two bytes", (value) => Buffer.from(`a:${value}:`).toString("base64")],
    ["basic authentication", (value) => `Basic ${Buffer.from(`user:${value}`).toString("base64")}`],
    ["hex", (value) => Buffer.from(value).toString("hex")],
    ["hex in capitals", (value) => Buffer.from(value).toString("hex").toUpperCase()],
    ["in nested JSON", (value) => JSON.stringify({ body: JSON.stringify({ value }) })],
    ["URL-encoded as far as a whole address is", (value) => encodeURI(value)],
    ["URL-encoded twice", (value) => encodeURIComponent(encodeURIComponent(value))],
    ["URL-encoded to the last sign", (value) => encodeURIComponent(value).replace(/[!'()*]/g, percent)],
    ["URL-encoded in a path", (value) => new URL(`http://h/${value.replace(/[?#\\\t\n\r]/g, percent)}`).href],
    ["base64, URL-encoded", (value) => encodeURIComponent(Buffer.from(`::${value}`).toString("base64"))],
    ["hex with blanks", (value) => inspectBytes(value, " ")],
    ["hex with colons", (value) => inspectBytes(value, ":")],
    ["in JSON of ASCII alone", (value) => ascii(JSON.stringify({ value }))],
    ["in JSON for HTML", (value) => JSON.stringify({ value }).replace(/[<>&']/g, escapedUnit)],
    ["in JSON of PHP", (value) => JSON.stringify({ value }).replaceAll("/", "\\/")],
    ["in HTML", (value) => value.replace(/[&<>"']/g, (char) => `&#${char.charCodeAt(0)};`)],
    ["percent-encoded, letters too", (value) => `%${inspectBytes(value, "%")}`],
    ["as a list of bytes", (value) => `[ ${[...Buffer.from(value)].join(", ")} ]`],
    ["as a buffer in JSON", (value) => JSON.stringify(Buffer.from(value))],
    ["base64 of base64", (value) => base64(`a${base64(`user:${value}`)}`)],
    ["base64url of base64url", (value) => base64url(`${base64url(`>>${value}`)}`)],
    ["base64 of hex", (value) => base64(`::${inspectBytes(value, "")}`)],
    ["base64 of what was URL-encoded", (value) => base64(`q=${encodeURIComponent(value)}`)],
    ["base64 of base64, URL-encoded", (value) => encodeURIComponent(base64(base64(value)))],
    ["hex of base64", (value) => inspectBytes(base64(value), "")],
    ["hex of hex in capitals", (value) => inspectBytes(inspectBytes(value, "").toUpperCase(), "")],
    ["hex of what was URL-encoded", (value) => inspectBytes(encodeURIComponent(value), "").toUpperCase()],
    ["in HTML with names", (value) => value.replaceAll("&", "&amp;").replaceAll('"', "&quot;").replaceAll("<", "&lt;")],
  ];
  const base64 = (value: string) => Buffer.from(value).toString("base64");
  const base64url = (value: string) => Buffer.from(value).toString("base64url");
  const percent = (char: string) => `%${char.charCodeAt(0).toString(16).padStart(2, "0")}`;
  const escapedUnit = (char: string) => `\\u${char.charCodeAt(0).toString(16).padStart(4, "0")}`;
  // eslint-disable-next-line no-control-regex
  const ascii = (text: string) => text.replace(/[^\x00-\x7f]/g, escapedUnit);
  const inspectBytes = (value: string, between: string) =>
    (Buffer.from(value).toString("hex").match(/../g) ?? []).join(between);

  it.each(spellings)("are removed %s, from messages, fields, keys and errors", (_, spell) => {
    for (const value of [secret, "tf_live_0123456789abcdef"]) {
      lines.length = 0;
      const spelt = spell(value);
      logger.info({ deep: { list: [`before ${spelt} after`] }, [spelt]: 1 }, `message ${spelt} end`);
      logger.error({ err: new Error(`boom ${spelt}`, { cause: new Error(spelt) }) }, "failed");
      const middle = spelt.slice(spelt.length / 2 - 6, spelt.length / 2 + 6);
      expect(text()).not.toContain(JSON.stringify(middle).slice(1, -1));
      expect(text().match(/\[redacted\]/g)?.length).toBeGreaterThanOrEqual(5);
      for (const line of lines) expect(() => JSON.parse(line) as unknown).not.toThrow();
    }
  });

  it("the password of a connection string is one by itself, decoded and as written", () => {
    const { logger, text } = captured({ secrets: ["postgresql://app:hunter%232@ep-x.neon.tech/main?sslmode=require"] });
    logger.warn({}, 'password "hunter#2" or hunter%232 is wrong');
    logger.warn({}, "cannot reach postgresql://app:hunter%232@ep-x.neon.tech/other");
    expect(text()).not.toMatch(/hunter/);
    expect(text()).toContain("ep-x");
  });

  it("a secret of digits inside a number leaves a line that is still JSON", () => {
    const { logger, json, text } = captured({ secrets: ["48151623"] });
    logger.info({ durationMs: 48151623 }, "done");
    expect(text()).not.toContain("48151623");
    expect(json()[0]?.["msg"]).toContain("[redacted]");
  });

  it("a secret may start or end with what JSON escapes", () => {
    const { logger, lines } = captured({ secrets: ['"quoted secret', "\\\\\\back\\"] });
    logger.info({}, 'a "quoted secret and \\\\\\back\\" end');
    expect(lines[0]).not.toMatch(/quoted secret|back/);
    expect(lines[0]).toContain(" end");
    expect(() => JSON.parse(lines[0] as string) as unknown).not.toThrow();
  });

  it("a long run of backslashes is read once, not once from each of its places", () => {
    // In a process of its own, because a regular expression that runs away can only be killed.
    const source = new URL("../../src/monitoring/index.ts", import.meta.url).href;
    const program = `
      import { createLogger } from ${JSON.stringify(source)};
      const secrets = ['"quoted secret', "\\\\\\"é/secret", "\\\\\\\\\\\\\\\\"];
      const logger = createLogger({ destination: { write() {} }, secrets });
      logger.info({}, "\\\\".repeat(1_000_000));`;
    const options = { timeout: 20_000, killSignal: "SIGKILL" } as const;
    expect(spawnSync(process.execPath, ["--input-type=module", "-e", program], options).status).toBe(0);
  });

  it.each([
    ["tf_live_0123456789abcdefgh7jklmnop", "tf_live_0123", "7jklmnop"],
    ["Zk9+xTq~7w==Lm3nB5vC8xZ1aS4dF6gH", "Zk9+xTq", "gH"],
    ["eyJhbGciOiJIUzI1NiJ9.eyJyb2xlIjoic2VydmljZSJ9.k3Jd9sLq0ZpX7vBn", undefined, "XnvBn"],
  ])("a good piece of %s is one, too", (secret, head, end) => {
    const { logger, lines, json } = captured({ secrets: [secret] });
    for (let length = 12; length < secret.length; length += 1) {
      lines.length = 0;
      const [first, last] = [secret.slice(0, length), secret.slice(-length)];
      logger.info({}, `${head === undefined ? "" : `<${first}…>`} [${last}] (…${last}`);
      expect(json()[0]?.["msg"], String(length)).toBe(
        `${head === undefined ? "" : "<[redacted]…>"} [[redacted]] (…[redacted]`,
      );
    }
    logger.info({}, `${secret.slice(0, 11)} and ${end} are no more than what people tell each other`);
    expect(lines[1]).not.toContain("[redacted]");
  });

  it("behind the words that a vendor's keys begin with, a piece begins where it differs", () => {
    const secrets = ["sb_secret_BHeLVkO-zlQmWnBpvCxx", "550e8400-e29b-41d4-a716-446655440000"];
    const { logger, lines, text } = captured({ secrets });
    logger.info({}, `${secrets[0]?.slice(0, 16)}… ${secrets[0]?.slice(0, 24)}… …${secrets[1]?.slice(-18)}`);
    expect(text()).toContain('"[redacted]… [redacted]… …[redacted]"');
    lines.length = 0;
    logger.info({}, "keys such as sb_secret_B… are secret, and so is …446655440000");
    expect(text()).not.toContain("[redacted]");
  });

  it("what secrets begin with alike is no piece: words, schemes, paths and the heads of tokens", () => {
    const secrets = [
      "development-secret-of-this-machine-1",
      "postgresql://app:hunter2hunter2@db.example.com/app",
      "https://hooks.example.com/services/T00/B00/k3Jd9sLq0ZpX7vBnQ1",
      "eyJhbGciOiJIUzI1NiJ9.eyJyb2xlIjoic2VydmljZSJ9.k3Jd9sLq0ZpX7vBn",
    ];
    const { logger, text } = captured({ secrets });
    logger.info(
      {},
      "development-secret postgresql://app db.example.com/app hooks.example.com/services eyJhbGciOiJIUzI1NiJ9",
    );
    expect(text()).not.toContain("[redacted]");
  });

  it("too short ones are left alone, because they would shred every line", () => {
    const { logger, json } = captured({ secrets: ["done", ""] });
    logger.info({}, "done");
    expect(json()[0]?.["msg"]).toBe("done");
  });

  it("no secret survives in any spelling, wherever it stands", () => {
    fc.assert(
      fc.property(
        fc.string({ minLength: 8, maxLength: 40, unit: "grapheme" }).map((text) => text.toWellFormed()),
        fc.string({ maxLength: 5 }),
        fc.constantFrom(...spellings.map(([, spell]) => spell)),
        (value, around, spell) => {
          const { logger, lines } = captured({ secrets: [value] });
          logger.info({ field: spell(around + value + around) }, "m");
          expect(lines[0]).toContain("[redacted]");
          expect(() => JSON.parse(lines[0] as string) as unknown).not.toThrow();
        },
      ),
      { numRuns: 600 },
    );
  });
});

describe("injection", () => {
  const hostile = "a\r\nb\x1b[31mc\x9b31md\u2028e\u202ef\x00g\x7f";

  // eslint-disable-next-line no-control-regex
  const dangerous = /[\x00-\x09\x0b-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069]/;

  it("in JSON: one line, no control characters, and the value comes back whole", () => {
    const { logger, lines, json } = captured();
    logger.info({ value: hostile, [hostile]: 1 }, hostile);
    expect(lines).toHaveLength(1);
    expect(lines[0]?.indexOf("\n")).toBe((lines[0]?.length ?? 0) - 1);
    expect(lines[0]).not.toMatch(dangerous);
    expect(json()[0]?.["msg"]).toBe(hostile);
  });

  it("in pretty output: a message can start no line of its own and move no cursor", () => {
    const { logger, text } = captured({ format: "pretty" });
    logger.info({ value: hostile, nested: { [hostile]: hostile } }, `${hostile}\n[00:00:00] INFO: forged`);
    expect(text()).not.toMatch(dangerous);
    expect(
      text()
        .split("\n")
        .filter((line) => /^\S/.test(line)),
    ).toHaveLength(1);
    expect(text()).toContain("\\n[00:00:00] INFO: forged");
  });

  it("in pretty output: a stack keeps its lines, indented", () => {
    const { logger, text } = captured({ format: "pretty", secrets: ["hunter2hunter2"] });
    logger.error({ err: new Error("boom hunter2hunter2\nforged") }, "failed");
    expect(text()).toMatch(/\n +at .*logger\.test\.ts/);
    expect(text()).not.toContain("hunter2");
    expect(
      text()
        .split("\n")
        .filter((line) => /^\S/.test(line)),
    ).toHaveLength(1);
  });

  it("says what to do when pino-pretty is not installed", () => {
    const elsewhere = createRequire("/nowhere/package.json");
    expect(() => prettyPrinter(elsewhere)).toThrow(/needs the package pino-pretty: npm install pino-pretty/);
  });
});

describe("logEvents", () => {
  const base = { callId: "c1", service: "neon", operation: "query" } as const;
  const finished = { ...base, attempts: 3, durationMs: 9, waitedMs: 1, requestId: "r1" } as const;

  function emitAll(events: EventBus) {
    events.emit("call.finished", { ...finished, outcome: "ok" });
    events.emit("call.finished", { ...finished, outcome: "error", code: "NETWORK" });
    const failed = { ...base, attempt: 1, code: "NETWORK", verdict: "retryable", durationMs: 1 } as const;
    events.emit("attempt.failed", { ...failed, message: "reset" });
    events.emit("retry.scheduled", { ...base, attempt: 1, delayMs: 99.6 });
    events.emit("circuit.opened", { service: "neon", reason: "5 of 5 failed", breakMs: 1 });
    events.emit("circuit.half_opened", { service: "neon" });
    events.emit("circuit.closed", { service: "neon" });
    events.emit("circuit.closed", { service: "neon", part: "replica" });
    events.emit("pool.connection_lost", { pool: "main", message: "gone" });
    events.emit("pool.mode_changed", { pool: "main", mode: "read-only", reason: "primary down" });
    const alert = { name: "a", value: 1, message: "bad" };
    events.emit("alert.changed", { ...alert, state: "firing", severity: "critical" });
    events.emit("alert.changed", { ...alert, state: "firing", severity: "info" });
    events.emit("alert.changed", { ...alert, state: "resolved", severity: "critical" });
    events.emit("config.warned", { name: "TINYFISH_API_URL", message: "old host" });
    events.emit("limit.refused", { limit: "search", retryAfterMs: 1 });
    events.emit("query.finished", { transport: "tcp", statement: "SELECT", rows: 2, durationMs: 1 });
  }

  it("writes one line per notable event, with its ids", () => {
    const { logger, json } = captured({ level: "debug" });
    const events = new EventBus();
    logEvents(events, logger);
    emitAll(events);
    expect(json().map(({ level, msg }) => `${String(level)} ${String(msg)}`)).toEqual([
      "warn neon.query failed: NETWORK",
      "info neon.query is tried again in 100 ms",
      "warn the circuit of neon opened: 5 of 5 failed",
      "info the circuit of neon lets probes through",
      "info the circuit of neon closed",
      "info the circuit of neon.replica closed",
      "warn the pool main lost a connection: gone",
      "warn the pool main is read-only: primary down",
      "error alert a is firing: bad",
      "warn alert a is firing: bad",
      "info alert a is resolved: bad",
      "warn TINYFISH_API_URL: old host",
    ]);
    expect(json()[0]).toMatchObject({ callId: "c1", requestId: "r1", code: "NETWORK", attempts: 3 });
    expect(events.faults).toBe(0);
  });

  it("tells the ordinary too when verbose, and nothing once released", () => {
    const { logger, json, lines } = captured({ level: "debug" });
    const events = new EventBus();
    const release = logEvents(events, logger, { verbose: true });
    emitAll(events);
    const debug = json().filter(({ level }) => level === "debug");
    expect(debug.map(({ msg }) => msg)).toEqual([
      "neon.query finished",
      "neon.query, attempt 1: reset",
      "the limit search refused",
      "query over tcp returned 2 rows",
    ]);
    release();
    lines.length = 0;
    emitAll(events);
    expect(lines).toEqual([]);
  });
});
