import { createHash } from "node:crypto";
import { type IoredisLike } from "enhanced-integration/resilience";
import { type Redis } from "ioredis";

/**
 * Put before a script: TIME answers what the proof says, and nothing expires by the server's own clock, which runs
 * slower or faster than the proof's. Everything else is Redis.
 */
const AT_GIVEN_TIME = `
local real = redis
local redis = {
  pcall = real.pcall,
  call = function(command, ...)
    if command == "TIME" then return { ARGV[#ARGV - 1], ARGV[#ARGV] } end
    if command == "SET" then
      local key, value = ...
      return real.call("SET", key, value)
    end
    return real.call(command, ...)
  end,
}
`;

/**
 * A client whose scripts run at a time that the proof chooses, so that memory and Redis can be asked at the same moment.
 *
 * @param onRun told of every script that is sent
 */
export function clientAtTime(redis: Redis, nowMs: () => number, onRun: () => void): IoredisLike {
  const digests = new Map<string, string>();
  // Far from 0, as the times of a real server are.
  const now = () => {
    const ms = nowMs() + 1_800_000_000_000;
    return [String(Math.floor(ms / 1_000)), String((ms % 1_000) * 1_000)];
  };
  return {
    async evalsha(digest, keyCount, ...rest) {
      const known = digests.get(digest);
      if (known === undefined) throw new Error("NOSCRIPT the proof has not seen this script yet");
      onRun();
      return redis.evalsha(known, keyCount, ...rest, ...now());
    },
    async eval(script, keyCount, ...rest) {
      const timed = AT_GIVEN_TIME + script;
      digests.set(sha1(script), sha1(timed));
      onRun();
      return redis.eval(timed, keyCount, ...rest, ...now());
    },
  };
}

const sha1 = (text: string) => createHash("sha1").update(text).digest("hex");
