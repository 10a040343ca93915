import { expect, it } from "vitest";
import { gatherWrites } from "../../../src/clients/pools/gather-writes.ts";

function socket() {
  const sent: string[] = [];
  const log = {
    sent,
    rawWrite: (bytes: Uint8Array) => void sent.push(Buffer.from(bytes).toString()),
    end: () => sent.push("closed"),
  };
  gatherWrites(log);
  return log;
}

const write = (to: ReturnType<typeof socket>, text: string) => to.rawWrite(Buffer.from(text));

it("sends what one turn writes as one frame, at the end of that turn", async () => {
  const to = socket();
  for (const message of ["parse ", "bind ", "execute"]) write(to, message);
  expect(to.sent).toEqual([]);
  await Promise.resolve();
  expect(to.sent).toEqual(["parse bind execute"]);
  write(to, "next");
  await Promise.resolve();
  expect(to.sent).toEqual(["parse bind execute", "next"]);
});

it("sends the goodbye before the socket closes", async () => {
  const to = socket();
  write(to, "terminate");
  to.end();
  expect(to.sent).toEqual(["terminate", "closed"]);
  await Promise.resolve();
  expect(to.sent).toHaveLength(2);
});
