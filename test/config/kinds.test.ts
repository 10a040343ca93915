import fc from "fast-check";
import { describe, expect, it } from "vitest";
import {
  flag,
  formatDuration,
  formatSchedule,
  formatSize,
  integer,
  isPlaceholder,
  listOf,
  ollamaUrl,
  origin,
  parseDurationMs,
  parseSizeBytes,
  schedule,
} from "../../src/config/kinds/index.ts";

describe("durations", () => {
  it.each([
    ["30000", 30_000],
    ["500ms", 500],
    ["30s", 30_000],
    ["1m", 60_000],
    ["1h", 3_600_000],
    ["1d", 86_400_000],
    ["0", 0],
  ])("reads %s as %d ms", (text, ms) => {
    expect(parseDurationMs(text)).toBe(ms);
  });

  it("counts bare numbers in seconds where the plan does", () => {
    expect(parseDurationMs("3600", "s")).toBe(3_600_000);
    expect(parseDurationMs("500ms", "s")).toBe(500);
  });

  it.each(["", "1 hour", "1w", "-5", "1.5s", "abc", "1e3", "5S", "1m30s", "Infinity", " 1m", "9".repeat(16)])(
    "refuses %j",
    (text) => {
      expect(parseDurationMs(text)).toBeUndefined();
    },
  );

  it("reads back whatever it writes", () => {
    fc.assert(
      fc.property(fc.nat({ max: 2 ** 50 }), (ms) => {
        expect(parseDurationMs(formatDuration(ms))).toBe(ms);
      }),
    );
  });

  it("gives a safe non-negative integer or nothing, for any text", () => {
    const digitsAndUnits = fc.stringMatching(/^[0-9]{0,20}(ms|s|m|h|d|w|\.)?$/);
    fc.assert(
      fc.property(fc.oneof(fc.string(), digitsAndUnits), (text) => {
        const ms = parseDurationMs(text);
        expect(ms === undefined || (Number.isSafeInteger(ms) && ms >= 0)).toBe(true);
      }),
    );
  });
});

describe("sizes", () => {
  it.each([
    ["100MB", 100_000_000],
    ["100mb", 100_000_000],
    ["64MiB", 67_108_864],
    ["1 GB", 1_000_000_000],
    ["512B", 512],
    ["40000000000", 40_000_000_000],
  ])("reads %s as %d bytes", (text, bytes) => {
    expect(parseSizeBytes(text)).toBe(bytes);
  });

  it.each(["", "MB", "1.5GB", "-1", "10XB", "10 0MB", "9000000000000TB"])("refuses %j", (text) => {
    expect(parseSizeBytes(text)).toBeUndefined();
  });

  it("reads back whatever it writes", () => {
    fc.assert(
      fc.property(fc.nat({ max: 2 ** 50 }), (bytes) => {
        expect(parseSizeBytes(formatSize(bytes))).toBe(bytes);
      }),
    );
  });

  it("multiplies the number by its unit, whatever the case, and gives nothing where that is not exact", () => {
    const factors = {
      B: 1,
      KB: 1e3,
      MB: 1e6,
      GB: 1e9,
      TB: 1e12,
      KiB: 2 ** 10,
      MiB: 2 ** 20,
      GiB: 2 ** 30,
      TiB: 2 ** 40,
    };
    const units = fc.constantFrom(...Object.entries(factors));
    fc.assert(
      fc.property(fc.nat(), units, fc.boolean(), (count, [unit, factor], lower) => {
        const exact = Number.isSafeInteger(count * factor) ? count * factor : undefined;
        expect(parseSizeBytes(`${count}${lower ? unit.toLowerCase() : unit}`)).toBe(exact);
      }),
    );
  });
});

describe("schedules", () => {
  it.each([
    ["0 * * * *", { frequency: "hourly" }],
    ["0 2 * * *", { frequency: "daily", hour: 2 }],
    ["0 2 * * *  # Daily at 2 AM", { frequency: "daily", hour: 2 }],
    ["0 23 * * 7", { frequency: "weekly", hour: 23, day: 0 }],
    ["0 0 28 * *", { frequency: "monthly", hour: 0, day: 28 }],
    ["0 5 1 12 *", { frequency: "yearly", hour: 5, day: 1, month: 12 }],
  ])("reads %s", (text, value) => {
    expect(schedule.parse(text)).toEqual({ ok: true, value });
  });

  it.each([
    "30 2 * * *",
    "*/5 * * * *",
    "0 24 * * *",
    "0 2 31 * *",
    "0 2 1 13 *",
    "0 2 1 * 1",
    "0 2 * 5 *",
    "0 * * * 1",
    "0 2 * *",
    "@daily",
    "",
  ])("refuses %j with a hint", (text) => {
    expect(schedule.parse(text)).toMatchObject({ ok: false, hint: expect.any(String) });
  });

  it("reads back the cron line it writes", () => {
    const hour = fc.nat({ max: 23 });
    const day = fc.integer({ min: 1, max: 28 });
    const shapes = fc.oneof(
      fc.constant({ frequency: "hourly" } as const),
      fc.record({ frequency: fc.constant("daily" as const), hour }),
      fc.record({ frequency: fc.constant("weekly" as const), hour, day: fc.nat({ max: 6 }) }),
      fc.record({ frequency: fc.constant("monthly" as const), hour, day }),
      fc.record({ frequency: fc.constant("yearly" as const), hour, day, month: fc.integer({ min: 1, max: 12 }) }),
    );
    fc.assert(
      fc.property(shapes, (value) => {
        expect(schedule.parse(formatSchedule(value))).toEqual({ ok: true, value });
      }),
    );
  });
});

describe("words, numbers and lists", () => {
  it("takes the usual words for true and false and no others", () => {
    for (const text of ["true", "TRUE", "1", "yes", "on"]) expect(flag.parse(text)).toEqual({ ok: true, value: true });
    for (const text of ["false", "0", "No", "off"]) expect(flag.parse(text)).toEqual({ ok: true, value: false });
    for (const text of ["enabled", "2", "tru"]) expect(flag.parse(text).ok).toBe(false);
  });

  it("keeps whole numbers within both ends of their range", () => {
    const kind = integer({ min: 1, max: 10 });
    expect(["1", "10"].map((text) => kind.parse(text).ok)).toEqual([true, true]);
    expect(["0", "11", "1.5", "1e1", "ten", "0x5"].map((text) => kind.parse(text).ok)).toEqual(
      new Array(6).fill(false),
    );
  });

  it("says which item of a list is wrong", () => {
    const kind = listOf(integer({ min: 1, max: 10 }));
    expect(kind.parse("1, 2,,3")).toEqual({ ok: true, value: [1, 2, 3] });
    expect(kind.parse("1,zwei")).toMatchObject({ ok: false, problem: "item 2 is not a whole number" });
    expect(kind.parse(" , ")).toMatchObject({ ok: false, problem: "holds no item" });
  });

  it("takes origins but no URLs with paths", () => {
    expect(origin.parse("https://App.example.com:443")).toEqual({ ok: true, value: "https://app.example.com" });
    expect(origin.parse("*").ok).toBe(true);
    for (const text of ["https://a.b/path", "a.b", "ftp://a.b", "https://u:p@a.b"])
      expect(origin.parse(text).ok).toBe(false);
  });
});

describe("Ollama's address", () => {
  it.each([
    ["http://localhost:11434/v1", "http://localhost:11434"],
    ["http://localhost:11434/v1/", "http://localhost:11434"],
    ["http://localhost:11434/api", "http://localhost:11434"],
    ["http://localhost:11434", "http://localhost:11434"],
    ["localhost:11434", "http://localhost:11434"],
    ["localhost", "http://localhost:11434"],
    ["gpu-box:80", "http://gpu-box"],
    [":11434", "http://127.0.0.1:11434"],
    ["0.0.0.0:11434", "http://127.0.0.1:11434"],
    ["http://0.0.0.0:8080/", "http://127.0.0.1:8080"],
    ["[::1]:11434", "http://[::1]:11434"],
    ["https://gw.example.com/ollama/v1", "https://gw.example.com/ollama"],
    ["http://gpu-box", "http://gpu-box"],
  ])("reads %s as %s", (text, value) => {
    expect(ollamaUrl().parse(text)).toEqual({ ok: true, value });
  });

  it("refuses credentials and what is no address", () => {
    for (const text of ["http://u:p@host:11434", "ftp://host", "http://", "::::"])
      expect(ollamaUrl().parse(text).ok).toBe(false);
  });
});

describe("placeholders", () => {
  it.each([
    "your-neon-api-key",
    "your-super-secret-session-key",
    "your-32-character-encryption-key",
    "https://your-project.supabase.co",
    "postgresql://[user]:[password]@[neon-host]:5432/[database]?sslmode=require",
    "postgresql://user:<password>@host/db",
    "changeme-changeme-changeme-changeme",
    "CHANGE_ME",
    "xxx",
    "sk-xxxxxxxx",
    "${NEON_API_KEY}",
    "replace-this-with-a-key",
    "a".repeat(40),
  ])("knows %s for one", (text) => {
    expect(isPlaceholder(text)).toBe(true);
  });

  it("takes short values for real, one digit included", () => {
    for (const text of ["5", "10", "true", "aaa", "main"]) expect(isPlaceholder(text)).toBe(false);
  });

  it("takes random keys for real", () => {
    fc.assert(
      fc.property(fc.uint8Array({ minLength: 24, maxLength: 64 }), (bytes) => {
        fc.pre(new Set(bytes).size > 8);
        const key = Buffer.from(bytes);
        expect(isPlaceholder(key.toString("base64"))).toBe(false);
        expect(isPlaceholder(key.toString("hex"))).toBe(false);
      }),
    );
  });
});
