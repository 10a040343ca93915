import { inspect } from "node:util";
import { describe, expect, it } from "vitest";
import { bench, projectId } from "./support.ts";

describe("branches", () => {
  it("are created with a compute, awaited until ready, and listed page by page", async () => {
    const { admin, run, clock, requests } = bench({ operationMs: 2_000 });
    const startedAt = clock.now();
    const branch = await run(admin.branches.create({ name: "preview/42" }));
    expect(branch).toMatchObject({ name: "preview/42", state: "ready", isDefault: false });
    expect(branch.connectionUri?.reveal()).toContain("@127.0.0.1:5432/neondb");
    expect(inspect(branch)).not.toContain("secret@");
    expect(clock.now() - startedAt).toBeGreaterThan(4_000); // create_branch and start_compute, one after the other
    for (const name of ["a", "b", "c"]) await run(admin.branches.create({ name, withCompute: false }));
    requests.length = 0;
    const all = await run(admin.branches.list({ pageSize: 2 }));
    expect(all.map(({ name }) => name)).toEqual(["main", "preview/42", "a", "b", "c"]);
    expect(requests).toHaveLength(3);
    expect(await run(admin.branches.find("preview"))).toBeUndefined();
    expect(await run(admin.branches.find(branch.id))).toMatchObject({ name: "preview/42" });
  });

  it("without a compute have no connection URI", async () => {
    const { admin, run, fails } = bench();
    const branch = await run(admin.branches.create({ name: "cold", withCompute: false }));
    expect(branch.connectionUri).toBeUndefined();
    expect(await fails(admin.connectionUri({ branch: "cold" }))).toMatchObject({ code: "NOT_FOUND" });
  });

  it("are told what is wrong before anything is asked of Neon", async () => {
    const { admin, fails, requests } = bench();
    expect(await fails(admin.branches.create({ name: " " }))).toMatchObject({ code: "INVALID_INPUT" });
    const both = admin.branches.create({ name: "x", at: new Date(), lsn: "0/1" });
    expect((await fails(both)).message).toContain("not both");
    expect((await fails(admin.branches.create({ name: "x", lsn: "7" }))).message).toContain("0/1A2B3C4");
    expect(requests).toEqual([]);
  });

  it("say which branch is missing, and that NEON_BRANCH names it", async () => {
    const { admin, fails } = bench({ branch: "production" });
    const error = await fails(admin.branches.get());
    expect(error).toMatchObject({ code: "NOT_FOUND" });
    expect(error.message).toBe(`the project ${projectId} has no branch "production"; NEON_BRANCH names it`);
  });

  it("refuse a taken name without a write", async () => {
    const { admin, fails, writes } = bench();
    expect(await fails(admin.branches.create({ name: "main" }))).toMatchObject({ code: "CONFLICT" });
    expect(writes()).toEqual([]);
  });

  it("are deleted once, recovered, and never deleted if they are the client's own", async () => {
    const { admin, run, fails } = bench();
    await run(admin.branches.create({ name: "old" }));
    expect((await fails(admin.branches.delete("main"))).message).toContain("NEON_BRANCH");
    await run(admin.branches.delete("old"));
    await run(admin.branches.delete("old"));
    expect(await run(admin.branches.find("old"))).toBeUndefined();
    expect(await run(admin.branches.recover("old"))).toMatchObject({ name: "old" });
    expect(await run(admin.branches.find("old"))).toBeDefined();
  });

  it("keep expiry and protection", async () => {
    const { admin, run, fails, clock } = bench();
    const expiresAt = new Date(clock.wallNow() + 3_600_000);
    await run(admin.branches.create({ name: "kept", isProtected: true, expiresAt, withCompute: false }));
    const kept = await run(admin.branches.get("kept"));
    expect(kept).toMatchObject({ isProtected: true, expiresAt: expiresAt.toISOString() });
    expect((await fails(admin.branches.delete("kept"))).message).toContain("protected");
  });
});

describe("a lost answer", () => {
  it("is looked up by name before the branch is made again", async () => {
    const { admin, run, trouble, writes } = bench();
    trouble(/^POST \/branches$/, "lost");
    expect(await run(admin.branches.create({ name: "once" }))).toMatchObject({ name: "once", state: "ready" });
    expect(writes()).toEqual(["POST /branches"]);
    expect((await run(admin.branches.list())).filter(({ name }) => name === "once")).toHaveLength(1);
  });

  it("of a request that did nothing is repeated", async () => {
    const { admin, run, trouble, writes } = bench();
    trouble(/^POST \/branches$/, "cut", 2);
    expect(await run(admin.branches.create({ name: "twice" }))).toMatchObject({ name: "twice" });
    expect(writes()).toHaveLength(3);
  });

  it("is OUTCOME_UNKNOWN, with what to look for, if the look fails too", async () => {
    const { admin, run, fails, trouble } = bench();
    await run(admin.branches.get());
    trouble(/^POST \/branches$/, "lost");
    // The two looks before the write pass.
    let looks = 0;
    trouble({ test: (line: string) => line === "GET /branches" && (looks += 1) > 2 }, "cut", 100);
    const error = await fails(admin.branches.create({ name: "doubt" }));
    expect(error).toMatchObject({ code: "OUTCOME_UNKNOWN", verdict: "outcome-unknown" });
    expect(error.message).toContain('look for the branch "doubt" before doing it again');
  });

  it("of a restore is told by the preserved branch, and of a reset by its time", async () => {
    const { admin, run, trouble, writes, clock } = bench();
    await run(admin.branches.create({ name: "child", withCompute: false }));
    trouble(/restore$/, "lost");
    await run(admin.restoreBranch({ at: new Date(clock.wallNow() - 1_000), preserveAs: "before" }));
    trouble(/restore$/, "lost");
    await run(admin.resetBranch({ branch: "child" }));
    expect(writes().filter((line) => line.endsWith("/restore"))).toHaveLength(2);
  });
});

describe("the service's refusals", () => {
  it("423 while another operation runs is waited out, even for what must not happen twice", async () => {
    const { admin, run, writes } = bench({ operationMs: 3_000 });
    const first = admin.branches.create({ name: "one" });
    const second = admin.branches.create({ name: "two" });
    const [one, two] = await run(Promise.all([first, second]));
    expect([one.name, two.name]).toEqual(["one", "two"]);
    expect(writes().length).toBeGreaterThan(2);
  });

  it("429 is retried after its Retry-After, 503 at once", async () => {
    const { admin, run, trouble, clock, writes } = bench();
    await run(admin.branches.get());
    trouble(/^POST/, new Response("{}", { status: 429, headers: { "retry-after": "7" } }));
    trouble(/^POST/, new Response("{}", { status: 503 }));
    const startedAt = clock.now();
    await run(admin.branches.create({ name: "later", withCompute: false }));
    expect(clock.now() - startedAt).toBeGreaterThanOrEqual(7_000);
    expect(writes()).toHaveLength(3);
  });

  it("a wrong key is UNAUTHENTICATED, told in Neon's words with the request's id, and never in ours", async () => {
    const { admin, fails, writes } = bench({ apiKey: "napi_wrong_key" });
    const error = await fails(admin.branches.list());
    expect(error).toMatchObject({ code: "UNAUTHENTICATED", status: 401, service: "neon-management" });
    expect(error.message).toContain("not authenticated");
    expect((error["details"] as { requestId: string }).requestId).toMatch(/^[0-9a-f-]{36}$/);
    expect(inspect(error)).not.toContain("napi_wrong_key");
    expect(writes()).toEqual([]);
  });

  it("an answer that is no JSON is INVALID_OUTPUT", async () => {
    const { admin, fails, trouble } = bench();
    trouble(/^GET/, new Response("<html>", { status: 200 }), 10);
    expect(await fails(admin.branches.list())).toMatchObject({ code: "INVALID_OUTPUT" });
  });
});

describe("operations", () => {
  it("that fail or are cancelled end the call and say so", async () => {
    const { admin, fails, standIn } = bench();
    standIn.endNextOperation({ status: "cancelled" });
    const cancelled = await fails(admin.branches.create({ name: "a", withCompute: false }));
    expect(cancelled).toMatchObject({ code: "UPSTREAM_STATUS", verdict: "fatal" });
    expect(cancelled.message).toMatch(/operation create_branch \(.+\) ended as cancelled/);
    standIn.endNextOperation({ status: "failed", error: "no room" });
    expect((await fails(admin.branches.create({ name: "b", withCompute: false }))).message).toContain("no room");
  });

  it("that outlast the deadline can be waited for again", async () => {
    const { admin, run, fails } = bench({ operationMs: 60_000, waitTimeoutMs: 10_000 });
    const error = await fails(admin.branches.create({ name: "slow", withCompute: false }));
    expect(error).toMatchObject({ code: "DEADLINE_EXCEEDED", verdict: "outcome-unknown" });
    const { operationIds } = error["details"] as { operationIds: string[] };
    await run(admin.operations.wait(operationIds, { deadlineMs: 120_000 }));
    expect(await run(admin.operations.get(operationIds[0]!))).toMatchObject({ status: "finished" });
    expect(await run(admin.operations.unfinished())).toEqual([]);
  });

  it("stop being waited for when the caller aborts", async () => {
    const { admin, fails, clock } = bench({ operationMs: 60_000 });
    const controller = new AbortController();
    clock.setTimer(() => controller.abort(new Error("enough")), 5_000);
    const error = await fails(admin.branches.create({ name: "slow" }, { signal: controller.signal }));
    expect(error.message).toContain("enough");
    expect(clock.now()).toBeLessThan(6_000);
  });
});

it("wrong options are told all at once", () => {
  const wrong = { projectId: "a b", apiKey: "", apiUrl: "nowhere", branch: "", requestTimeoutMs: 0 };
  expect(() => bench(wrong)).toThrow(/projectId .*; apiKey .*; apiUrl .*; branch .*; requestTimeoutMs /);
});
