import { describe, expect, it } from "vitest";
import { type BackupPolicy } from "../../../../src/clients/neon/management/index.ts";
import { bench } from "./support.ts";

const nightly: BackupPolicy = {
  enabled: true,
  schedule: { frequency: "daily", hour: 2 },
  retentionDays: 30,
  pointInTimeRecovery: true,
};

describe("the backup policy", () => {
  it("is written once, and then found to be the same", async () => {
    const { admin, run, writes } = bench({ backup: nightly });
    const dry = await run(admin.applyBackupPolicy({ dryRun: true }));
    expect(dry.schedule).toEqual({ found: "none", wanted: "daily at 02:00 UTC, kept 30 days", outcome: "differs" });
    expect(writes()).toEqual([]);
    expect((await run(admin.applyBackupPolicy())).schedule.outcome).toBe("changed");
    expect((await run(admin.applyBackupPolicy())).schedule.outcome).toBe("same");
    expect(writes()).toHaveLength(1);
  });

  it.each([
    [{ frequency: "hourly" }, "hourly, kept 30 days"],
    [{ frequency: "weekly", hour: 4, day: 1 }, "weekly (day 1) at 04:00 UTC, kept 30 days"],
    [{ frequency: "monthly", hour: 23, day: 28 }, "monthly (day 28) at 23:00 UTC, kept 30 days"],
    [{ frequency: "yearly", hour: 0, day: 1, month: 6 }, "yearly (day 1, month 6) at 00:00 UTC, kept 30 days"],
  ] as const)("takes the shape %o", async (schedule, words) => {
    const { admin, run } = bench();
    await run(admin.applyBackupPolicy({ policy: { ...nightly, schedule } }));
    const again = await run(admin.applyBackupPolicy({ policy: { ...nightly, schedule } }));
    expect(again.schedule).toEqual({ found: words, wanted: words, outcome: "same" });
  });

  it("of another retention is a difference, and one beyond Neon's is refused before any request", async () => {
    const { admin, run, fails, requests } = bench({ backup: nightly });
    await run(admin.applyBackupPolicy());
    const policy = { ...nightly, retentionDays: 7 };
    expect((await run(admin.applyBackupPolicy({ policy }))).schedule.outcome).toBe("changed");
    requests.length = 0;
    const error = await fails(admin.applyBackupPolicy({ policy: { ...nightly, retentionDays: 36 } }));
    expect(error).toMatchObject({ code: "INVALID_INPUT" });
    expect(error.message).toContain("at most 35 days");
    expect(requests).toEqual([]);
  });

  it("that is off leaves the schedule alone", async () => {
    const { admin, run, writes } = bench({ backup: { ...nightly, enabled: false } });
    expect((await run(admin.applyBackupPolicy())).schedule.outcome).toBe("unmanaged");
    expect(writes()).toEqual([]);
  });

  it("says when the project keeps no history to restore from", async () => {
    const { admin, run } = bench({ historySeconds: 0 });
    const wanted = await run(admin.applyBackupPolicy({ policy: nightly }));
    expect(wanted.pointInTimeRecovery.problem).toContain("POINT_IN_TIME_RECOVERY");
    const unwanted = await run(admin.applyBackupPolicy({ policy: { ...nightly, pointInTimeRecovery: false } }));
    expect(unwanted.pointInTimeRecovery).toEqual({ historyRetentionSeconds: 0, problem: undefined });
  });

  it("is asked for if there is none", async () => {
    await expect(async () => bench().admin.applyBackupPolicy()).rejects.toMatchObject({ code: "INVALID_INPUT" });
  });
});

describe("point-in-time restore", () => {
  it("keeps the state of now under another name, and the children with it", async () => {
    const { admin, run, clock } = bench();
    const child = await run(admin.branches.create({ name: "child", withCompute: false }));
    const at = new Date(clock.wallNow() - 60_000);
    const restored = await run(admin.restoreBranch({ at, preserveAs: "main before" }));
    expect(restored).toMatchObject({ name: "main", isDefault: true, state: "ready" });
    expect(restored.lastResetAt).toBeDefined();
    const kept = await run(admin.branches.get("main before"));
    expect(await run(admin.branches.get(child.id))).toMatchObject({ parentId: kept.id });
  });

  it("refuses a moment that is missing, yet to come, or outside the window", async () => {
    const { admin, fails, clock } = bench({ historySeconds: 3_600 });
    expect((await fails(admin.restoreBranch({ preserveAs: "x" }))).message).toContain("which moment");
    const future = new Date(clock.wallNow() + 86_400_000);
    expect((await fails(admin.restoreBranch({ at: future, preserveAs: "x" }))).message).toContain("future");
    const past = new Date(clock.wallNow() - 7_200_000);
    const error = await fails(admin.restoreBranch({ at: past, preserveAs: "x" }));
    expect(error).toMatchObject({ code: "INVALID_INPUT", status: 400 });
    expect(error.message).toContain("history retention");
  });

  it("takes a log position, and another branch's past", async () => {
    const { admin, run } = bench();
    await run(admin.branches.create({ name: "dev", withCompute: false }));
    const input = { branch: "dev", from: "main", lsn: "0/1A2B3C4", preserveAs: "dev before" };
    expect(await run(admin.restoreBranch(input))).toMatchObject({ name: "dev" });
  });

  it("reset to the parent needs a parent", async () => {
    const { admin, run, fails } = bench();
    expect((await fails(admin.resetBranch({ branch: "main" }))).message).toContain("no parent");
    await run(admin.branches.create({ name: "dev", withCompute: false }));
    await run(admin.resetBranch({ branch: "dev", preserveAs: "dev kept" }));
    expect(await run(admin.branches.find("dev kept"))).toBeDefined();
  });
});

describe("snapshots", () => {
  it("are taken, previewed as a branch, put in place, and deleted", async () => {
    const { admin, run, clock } = bench();
    const expiresAt = new Date(clock.wallNow() + 86_400_000);
    const snapshot = await run(admin.snapshots.create({ name: "before release", expiresAt }));
    expect(snapshot).toMatchObject({ name: "before release", isManual: true, expiresAt: expiresAt.toISOString() });
    const preview = await run(admin.snapshots.restore({ snapshot: "before release", name: "look" }));
    expect(preview).toMatchObject({ name: "look", restoreStatus: "restored", isDefault: false });
    const final = await run(admin.snapshots.finalize({ branch: "look", replacedName: "main replaced" }));
    expect(final).toMatchObject({ id: preview.id, name: "main", isDefault: true, restoreStatus: "finalized" });
    expect(await run(admin.branches.find("main replaced"))).toMatchObject({ isDefault: false });
    await run(admin.snapshots.delete(snapshot.id));
    await run(admin.snapshots.delete(snapshot.id));
    expect(await run(admin.snapshots.list())).toEqual([]);
  });

  it("are put in place at once where that is wanted", async () => {
    const { admin, run } = bench();
    await run(admin.snapshots.create({ name: "s" }));
    const restored = await run(admin.snapshots.restore({ snapshot: "s", name: "r", onto: "main", finalize: true }));
    expect(restored).toMatchObject({ name: "main", restoreStatus: "finalized" });
  });

  it("are found again after a lost answer, though others bear the same name", async () => {
    const { admin, run, fails, trouble, writes } = bench();
    const first = await run(admin.snapshots.create({ name: "daily" }));
    trouble(/snapshot$/, "lost");
    const second = await run(admin.snapshots.create({ name: "daily" }));
    expect(second.id).not.toBe(first.id);
    expect(writes()).toHaveLength(2);
    const error = await fails(admin.snapshots.delete("daily"));
    expect(error.message).toContain(`say which by id: ${first.id}, ${second.id}`);
  });
});

it("connection URIs come as secrets", async () => {
  const { admin, run, fails } = bench();
  const uri = await run(admin.connectionUri());
  expect(String(uri)).toBe("[secret]");
  expect(uri.reveal()).toContain("neondb_owner:secret@");
  expect(await fails(admin.connectionUri({ database: "other" }))).toMatchObject({ code: "NOT_FOUND" });
  expect(await fails(admin.connectionUri({ role: "nobody" }))).toMatchObject({ code: "NOT_FOUND" });
});
