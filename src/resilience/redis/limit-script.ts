import { createHash } from "node:crypto";

/**
 * The GCRA of many keys of one limit, in one atomic step on the server's clock.
 *
 * KEYS: one per decision; a key may occur twice. ARGV: the number of policies; for each policy ticks per microsecond,
 * ticks per token and capacity in ticks; for each key its cost and how many tokens are wanted (as many as fit are
 * granted, from `cost` to `wanted`).
 *
 * Reply, flat: for each key the tokens granted (-1: denied, nothing charged), then what is missing in the bucket of each
 * policy, in ticks.
 *
 * Stored is one string per key: the TAT of each policy in microseconds since the epoch, and after a colon the ticks
 * beyond a whole microsecond. Being a time and no count, it keeps its meaning when a limit is changed. Whatever else
 * stands there (another type, nonsense, a time that no bucket could reach because the server's clock was set back or
 * the limit was lowered) is put right: no bucket is ever more than empty. All numbers are whole and below 2^53.
 */
export const LIMIT_SCRIPT = `
local time = redis.call("TIME")
local now = time[1] * 1000000 + time[2]
local policies = tonumber(ARGV[1])
local perUs, perToken, capacity = {}, {}, {}
for p = 1, policies do
  perUs[p] = tonumber(ARGV[3 * p - 1])
  perToken[p] = tonumber(ARGV[3 * p])
  capacity[p] = tonumber(ARGV[3 * p + 1])
end
local at = 3 * policies
local reply, size = {}, 0
for k = 1, #KEYS do
  local cost, granted = tonumber(ARGV[at + 2 * k]), tonumber(ARGV[at + 2 * k + 1])
  local stored = redis.pcall("GET", KEYS[k])
  local words = type(stored) == "string" and string.gmatch(stored, "(%d+):?(%d*)")
  local used, wrong = {}, false
  for p = 1, policies do
    local us, ticks
    if words then us, ticks = words() end
    local u = us and (us - now) * perUs[p] + (tonumber(ticks) or 0) or 0
    if u > capacity[p] then u, wrong = capacity[p], true end
    if not (u > 0) then u = 0 end
    used[p] = u
    local fit = math.floor((capacity[p] - u) / perToken[p])
    if fit < granted then granted = fit end
  end
  if granted < cost then granted = -1 end
  if granted > 0 or wrong then
    local value, longest = {}, 0
    for p = 1, policies do
      if granted > 0 then used[p] = used[p] + granted * perToken[p] end
      local us = math.floor(used[p] / perUs[p])
      local ticks = used[p] - us * perUs[p]
      if us > longest then longest = us end
      value[p] = string.format("%.0f", now + us)
      if ticks > 0 then value[p] = value[p] .. string.format(":%.0f", ticks) end
    end
    redis.call("SET", KEYS[k], table.concat(value, " "), "PX", string.format("%.0f", math.ceil(longest / 1000) + 1000))
  end
  reply[size + 1] = granted
  for p = 1, policies do reply[size + 1 + p] = used[p] end
  size = size + 1 + policies
end
return reply
`;

export const LIMIT_SCRIPT_SHA = createHash("sha1").update(LIMIT_SCRIPT).digest("hex");
