import { describe, expect, it } from "vitest";
import { EventBus } from "../../src/core/index.ts";
import { EventRecorder } from "../../src/testing/index.ts";

describe("EventRecorder", () => {
  it("keeps every event in order, by name and as a whole", () => {
    const bus = new EventBus();
    const recorder = new EventRecorder(bus);
    bus.emit("circuit.opened", { service: "neon", reason: "failures", breakMs: 1_000 });
    bus.emit("circuit.half_opened", { service: "neon" });
    bus.emit("circuit.opened", { service: "ollama", reason: "failures", breakMs: 2_000 });
    expect(recorder.names).toEqual(["circuit.opened", "circuit.half_opened", "circuit.opened"]);
    expect(recorder.of("circuit.opened").map((event) => event.service)).toEqual(["neon", "ollama"]);
    expect(recorder.events[1]).toEqual({ name: "circuit.half_opened", event: { service: "neon" } });
  });

  it("counts as a listener while it lives, forgets on clear and stops at its end", () => {
    const bus = new EventBus();
    {
      using recorder = new EventRecorder(bus);
      expect(bus.has("circuit.closed")).toBe(true);
      bus.emit("circuit.closed", { service: "neon" });
      recorder.clear();
      expect(recorder.events).toEqual([]);
    }
    expect(bus.has("circuit.closed")).toBe(false);
  });
});
