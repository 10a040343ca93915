import { type Stage } from "./stage.ts";

/** The call ends by its deadline and at the caller's wish, whatever the rooms inside are doing. */
export const deadlineStage: Stage = {
  name: "deadline",

  around: (next) => (call, ending) => {
    call.open();
    if (call.cancelled) ending.failed(call.refused("deadline", call.cancelled));
    else next(call, ending);
  },
};
