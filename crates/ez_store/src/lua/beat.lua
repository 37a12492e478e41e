-- ARGV: worker, incarnation, standing, used millicores, lease in ms, then job id and epoch of each run.
-- Answers {known, now, records of the jobs whose run belongs to this life of the worker}.
local worker, incarnation = ARGV[1], ARGV[2]
local now = now_ms()
local kept = string.match(redis.call('HGET', worker_states, worker) or '', '^([^|]*|[^|]*|[^|]*)|')
if not kept or string.match(kept, '^[^|]*') ~= incarnation then
  return { 0, now, {} }
end
redis.call('HSET', worker_states, worker, table.concat({ kept, ARGV[3], ARGV[4] }, '|'))
redis.call('ZADD', worker_beats, now, worker)

local life = worker .. '|' .. incarnation .. '|'
for at = 6, #ARGV, 2 do
  if redis.call('HGET', runs, ARGV[at]) == life .. ARGV[at + 1] then
    redis.call('ZADD', leases, now + ARGV[5], ARGV[at])
  end
end

local held = {}
for _, id in ipairs(redis.call('SMEMBERS', KEYS[EXTRA + 1])) do
  local run = redis.call('HGET', runs, id)
  if run and string.sub(run, 1, #life) == life then
    held[#held + 1] = id
  end
end
return { 1, now, records(held) }
