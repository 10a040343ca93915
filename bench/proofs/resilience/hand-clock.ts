import { type Clock } from "enhanced-integration";

/** A clock whose time is a variable: for millions of steps, in which nobody waits. */
export function handClock(): Clock & { time: number } {
  return {
    time: 0,
    now() {
      return this.time;
    },
    wallNow() {
      return this.time;
    },
    setTimer() {
      throw new Error("nothing in this proof waits");
    },
  };
}
