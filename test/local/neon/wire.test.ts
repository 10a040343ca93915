import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { FairLock } from "../../../src/local/neon/engine/pglite/fair-lock.ts";
import { QueryGroups } from "../../../src/local/neon/engine/pglite/query-group.ts";
import {
  BodyReader,
  cstring,
  failed,
  frame,
  type Frame,
  FrameReader,
  server,
} from "../../../src/local/neon/wire/index.ts";
import {
  bind,
  closeStatement,
  copyFail,
  execute,
  parse,
  query,
  sync,
} from "../../../src/local/neon/wire/client-messages.ts";

function read(bytes: Buffer): Frame[] {
  const reader = new FrameReader();
  reader.feed(bytes);
  const frames: Frame[] = [];
  for (let next = reader.next(); next; next = reader.next()) frames.push(next);
  return frames;
}
const kinds = (bytes: Buffer) =>
  read(bytes)
    .map(({ kind }) => kind)
    .join("");

describe("messages", () => {
  it("come out as they went in, however the stream was cut", () => {
    const message = fc.tuple(fc.constantFrom("Q", "D", "Z"), fc.uint8Array({ maxLength: 40 }));
    fc.assert(
      fc.property(fc.array(message), fc.array(fc.nat({ max: 30 })), (messages, cuts) => {
        const stream = Buffer.concat(messages.map(([kind, body]) => frame(kind, body)));
        const reader = new FrameReader();
        const seen: [string, number[]][] = [];
        let at = 0;
        for (const size of [...cuts, stream.length]) {
          reader.feed(stream.subarray(at, at + size));
          at += size;
          for (let next = reader.next(); next; next = reader.next()) seen.push([next.kind, [...next.body]]);
        }
        expect(seen).toEqual(messages.map(([kind, body]) => [kind, [...body]]));
      }),
    );
  });

  it("are refused when their length cannot be one", () => {
    expect(() => read(Buffer.from("Q\0\0\0\x03"))).toThrow(RangeError);
    expect(() => read(Buffer.from("Q\xff\xff\xff\xff", "latin1"))).toThrow(RangeError);
    expect(() => new BodyReader(Buffer.from("no end")).cstring()).toThrow(RangeError);
  });

  it("carry every field of an error there and back", () => {
    const fields = {
      ...failed("23505", "no").fields,
      detail: "d",
      hint: "h",
      position: "3",
      constraint: "c",
      line: "9",
    };
    const [message] = read(server.errorResponse(Object.assign(failed("", ""), { fields })));
    expect(server.readErrorResponse(message!.body).fields).toEqual(fields);
  });
});

describe("query groups", () => {
  const feed = (groups: QueryGroups, bytes: Buffer) => read(bytes).map((each) => groups.add(each));

  it("end at a query, a Sync and a Flush, each behind a guard against a COPY without rows", () => {
    const groups = new QueryGroups("s");
    const [simple] = feed(groups, query("select 1"));
    expect([kinds(simple!.bytes), simple!.sql, simple!.isComplete]).toEqual(["Qf", ["select 1"], true]);
    const [, , , flushed, rest] = feed(
      groups,
      Buffer.concat([parse("", "select 2"), bind([]), execute(), frame("H"), sync()]),
    );
    expect([kinds(flushed!.bytes), flushed!.isComplete]).toEqual(["PBEfH", false]);
    expect([kinds(rest!.bytes), rest!.isComplete]).toEqual(["fS", true]);
  });

  it("give statements a name of the session's own, long ones without running into each other", () => {
    const names = ["a", `${"x".repeat(60)}1`, `${"x".repeat(60)}2`].map((name) => {
      const groups = new QueryGroups("s7");
      const group = feed(groups, Buffer.concat([parse(name, "select 1"), sync()])).at(-1)!;
      return new BodyReader(read(group.bytes)[0]!.body).cstring();
    });
    expect(names[0]).toBe("s7:a");
    expect(new Set(names).size).toBe(3);
    for (const name of names) expect(Buffer.byteLength(name)).toBeLessThanOrEqual(63);
  });

  it("close what was prepared and not closed yet", () => {
    const groups = new QueryGroups("s");
    expect(groups.closeAll()).toHaveLength(0);
    feed(groups, Buffer.concat([parse("a", "select 1"), parse("b", "select 2"), closeStatement("a"), sync()]));
    expect(kinds(groups.closeAll())).toBe("CS");
  });

  it("tell the SQL that a named statement stands for when it runs again", () => {
    const groups = new QueryGroups("s");
    feed(groups, Buffer.concat([parse("named", "set search_path = x"), sync()]));
    const toNamed = frame("B", cstring(""), cstring("named"), Buffer.alloc(6));
    const again = feed(groups, Buffer.concat([toNamed, execute(), sync()])).at(-1)!;
    expect([again.sql, again.effects]).toEqual([["set search_path = x"], [{ kind: "setting" }]]);
  });

  it("ignore rows that nobody waits for, and refuse what is no message of a client", () => {
    const groups = new QueryGroups("s");
    expect(feed(groups, Buffer.concat([frame("d"), frame("c"), copyFail("x")]))).toEqual([
      undefined,
      undefined,
      undefined,
    ]);
    expect(() => feed(groups, frame("!"))).toThrow("invalid frontend message type 33");
  });
});

describe("the fair lock", () => {
  it("serves in the order of coming, once each, and passes over those who gave up", async () => {
    const lock = new FairLock<string>();
    const served: string[] = [];
    await lock.acquire("a");
    await lock.acquire("a");
    const gaveUp = lock.acquire("c").catch((reason: unknown) => reason);
    const waiting = ["b", "c", "d"]
      .filter((each) => each !== "c")
      .map((each) => lock.acquire(each).then(() => served.push(each)));
    expect(lock.waiting).toBe(3);
    expect(lock.cancel("c", "gave up")).toBe(true);
    expect(lock.cancel("c", "again")).toBe(false);
    expect(await gaveUp).toBe("gave up");
    lock.release("d"); // not the holder: nothing happens
    lock.release("a");
    await waiting[0];
    expect(served).toEqual(["b"]);
    lock.release("b");
    await waiting[1];
    expect(served).toEqual(["b", "d"]);
  });

  it("refuses all who wait and all who come once it is broken", async () => {
    const lock = new FairLock<string>();
    await lock.acquire("a");
    const waiting = lock.acquire("b");
    lock.break("gone");
    await expect(waiting).rejects.toBe("gone");
    await expect(lock.acquire("a")).rejects.toBe("gone");
  });
});
