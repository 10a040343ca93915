import { type Stage } from "./stage.ts";

/** The call ends by its deadline and at the caller's wish, whatever the rooms inside are doing. */
export const deadlineStage: Stage = {
  name: "deadline",

  run(call, next) {
    call.open();
    return call.cancelled ? Promise.reject(call.refused("deadline", call.cancelled)) : next(call);
  },
};
