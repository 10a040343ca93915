import { createHash } from "node:crypto";
import { type CircuitState } from "../breaker-options.ts";
import { type SharedCircuit } from "./breaker-link.ts";

/**
 * Reads or changes what a fleet knows about one circuit, in one atomic step on the server's time.
 *
 * A version fences: a change counts only if its author knew the current state; so the owner of a lease that has passed
 * on cannot close the circuit any more. Versions are dates, hence still rising after the server was emptied. What nobody
 * renews is forgotten ten minutes after its end; isolation by hand stays.
 *
 * KEYS 1 the circuit. ARGV 1 wish (look, closed, open, half-open, isolated), 2 version known, 3 milliseconds that the
 * break or the lease lasts, 4 breaks in a row, 5 "1" by hand: whatever is known, 6 author, 7 channel, 8 message.
 * Answers { granted, version, state, milliseconds left, breaks in a row, 1 if its author asks }; version 0: nothing is known.
 */
export const CIRCUIT_SCRIPT = `
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local known = redis.call('HMGET', KEYS[1], 'version', 'state', 'until', 'opens', 'author')
local version, state = tonumber(known[1] or '0'), known[2]
local till, opens = tonumber(known[3] or '0'), tonumber(known[4] or '0')
local wish, upToDate, own = ARGV[1], tonumber(ARGV[2]) == version, known[5] == ARGV[6]
local granted
if wish == 'look' then
  granted = false
elseif ARGV[5] == '1' or not state then
  granted = true
elseif wish == 'half-open' then
  granted = (state == 'open' and till <= now) or (state == 'half-open' and (till <= now or own))
else
  granted = upToDate or (wish == 'open' and state == 'closed')
end
if granted then
  version = math.max(version + 1, time[1] * 1000000 + time[2])
  state, till, opens, own = wish, now + math.floor(tonumber(ARGV[3])), tonumber(ARGV[4]), true
  redis.call('HSET', KEYS[1], 'version', string.format('%.0f', version), 'state', state,
    'until', string.format('%.0f', till), 'opens', string.format('%.0f', opens), 'author', ARGV[6])
  if state == 'isolated' then
    redis.call('PERSIST', KEYS[1])
  else
    redis.call('PEXPIREAT', KEYS[1], string.format('%.0f', till + 600000))
  end
  redis.call('PUBLISH', ARGV[7], ARGV[8])
end
return { granted and 1 or 0, version, state or 'closed', math.max(0, till - now), opens, own and 1 or 0 }
`;

export const CIRCUIT_SCRIPT_SHA = createHash("sha1").update(CIRCUIT_SCRIPT).digest("hex");

export interface CircuitReply extends SharedCircuit {
  readonly granted: boolean;
  /** 0: the server knows nothing. */
  readonly version: number;
  /** Whoever asks has brought this state about, perhaps by a command whose answer was lost. */
  readonly own: boolean;
}

const states: readonly string[] = ["closed", "open", "half-open", "isolated"] satisfies CircuitState[];

/** Undefined if it is not an answer of the script. */
export function parseReply(reply: unknown): CircuitReply | undefined {
  if (!Array.isArray(reply)) return undefined;
  const [granted, version, state, remainingMs, opens, own] = reply as unknown[];
  const numbers = [granted, version, remainingMs, opens, own].map(Number);
  if (!states.includes(String(state)) || !numbers.every((number) => number >= 0 && number < Infinity)) return undefined;
  return {
    granted: numbers[0] === 1,
    version: numbers[1] ?? 0,
    state: String(state) as CircuitState,
    remainingMs: numbers[2] ?? 0,
    opens: numbers[3] ?? 0,
    own: numbers[4] === 1,
  };
}
