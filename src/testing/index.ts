export { EventRecorder } from "./event-recorder.ts";
export { ManualClock } from "./manual-clock.ts";
export { seededRandom } from "./seeded-random.ts";
export { type EmittedEvent, type TimerHandle } from "../core/index.ts";
