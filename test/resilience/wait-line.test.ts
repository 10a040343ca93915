import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { type Priority } from "../../src/core/index.ts";
import { WaitLine } from "../../src/resilience/wait-line.ts";

function drain(line: WaitLine<string>): string[] {
  const order: string[] = [];
  for (let next = line.first; next !== undefined; next = line.first) {
    order.push(next);
    line.serve(next);
  }
  return order;
}

describe("a WaitLine", () => {
  it("serves higher priority first, and who came first within one", () => {
    const line = new WaitLine<string>();
    for (const [item, priority] of [
      ["l1", "low"],
      ["n1", "normal"],
      ["h1", "high"],
      ["n2", "normal"],
      ["h2", "high"],
    ] as const)
      line.add(item, { priority });
    expect(drain(line)).toEqual(["h1", "h2", "n1", "n2", "l1"]);
  });

  it("lets tenants of one priority take turns, however many one of them sends", () => {
    const line = new WaitLine<string>();
    for (const item of ["a1", "a2", "a3", "a4", "b1", "c1", "b2"]) line.add(item, { tenant: item.charAt(0) });
    expect(drain(line)).toEqual(["a1", "b1", "c1", "a2", "b2", "a3", "a4"]);
  });

  it("starves nobody: one of lower priority goes after 8 (normal) or 16 (low) who overtook it", () => {
    const line = new WaitLine<string>();
    line.add("normal", { priority: "normal" });
    line.add("low", { priority: "low" });
    const served: string[] = [];
    for (let round = 1; round <= 20; round += 1) {
      line.add(`high ${round}`, { priority: "high" });
      const next = line.first as string;
      served.push(next);
      line.serve(next);
    }
    expect([served.indexOf("normal"), served.indexOf("low")]).toEqual([8, 16]);
  });

  it("names the victim that a policy asks for, and never one of higher priority than the newcomer", () => {
    const line = new WaitLine<string>();
    line.add("n1");
    line.add("l1", { priority: "low" });
    line.add("l2", { priority: "low" });
    expect(line.victim("reject-newest", "high")).toBeUndefined();
    expect(line.victim("drop-oldest", "normal")).toBe("l1");
    expect(line.victim("drop-oldest", "low")).toBe("l1");
    expect(line.victim("drop-lowest-priority", "normal")).toBe("l1");
    expect(line.victim("drop-lowest-priority", "low")).toBeUndefined();
    for (const item of ["l1", "l2"]) line.remove(item);
    expect(line.victim("drop-oldest", "low")).toBeUndefined();
    expect(line.victim("drop-lowest-priority", "high")).toBe("n1");
  });

  it("foresees who would go before a newcomer", () => {
    const line = new WaitLine<string>();
    line.add("h1", { priority: "high" });
    for (const item of ["a1", "a2", "a3", "b1"]) line.add(item, { tenant: item.charAt(0) });
    line.add("l1", { priority: "low" });
    expect([...line.ahead({ tenant: "c" })].sort()).toEqual(["a1", "b1", "h1"]);
    expect([...line.ahead({ tenant: "b" })].sort()).toEqual(["a1", "a2", "b1", "h1"]);
    expect([...line.ahead({ priority: "high" })]).toEqual(["h1"]);
    expect([...line.ahead({ priority: "low" })]).toHaveLength(6);
  });

  it("keeps its books under any sequence of arrivals, departures and turns", () => {
    const arrival = fc.record({
      kind: fc.constantFrom("add", "add", "leave", "serve"),
      priority: fc.constantFrom<Priority>("high", "normal", "low"),
      tenant: fc.constantFrom("a", "b", "c"),
      pick: fc.nat(1_000),
    });
    fc.assert(
      fc.property(fc.array(arrival, { maxLength: 300 }), (steps) => {
        const line = new WaitLine<number>();
        const model = new Map<number, { priority: Priority; tenant: string }>();
        for (const [id, { kind, priority, tenant, pick }] of steps.entries()) {
          if (kind === "add") {
            line.add(id, { priority, tenant });
            model.set(id, { priority, tenant });
          } else if (kind === "leave") {
            const gone = [...model.keys()][pick % Math.max(1, model.size)];
            if (gone !== undefined) expect([line.remove(gone), model.delete(gone)]).toEqual([true, true]);
            expect(line.remove(-1)).toBe(false);
          } else {
            const next = line.first;
            if (next === undefined) expect(model.size).toBe(0);
            else {
              const own = model.get(next);
              const ofTenant = [...model].filter(
                ([, other]) => other.priority === own?.priority && other.tenant === own.tenant,
              );
              expect(ofTenant[0]?.[0]).toBe(next);
              line.serve(next);
              model.delete(next);
            }
          }
          expect(line.size).toBe(model.size);
        }
        const left: number[] = [];
        for (let next = line.first; next !== undefined; next = line.first) {
          left.push(next);
          line.serve(next);
        }
        expect(left.sort((a, b) => a - b)).toEqual([...model.keys()].sort((a, b) => a - b));
      }),
      { numRuns: 300 },
    );
  });
});
