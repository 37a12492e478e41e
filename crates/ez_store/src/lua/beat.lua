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
local told = {}
for at = 6, #ARGV, 2 do
  told[#told + 1] = ARGV[at]
end
local own = {}
for at, run in ipairs(values(runs, told)) do
  if run == life .. ARGV[2 * at + 5] then
    own[#own + 1] = now + ARGV[5]
    own[#own + 1] = told[at]
  end
end
for first = 1, #own, 500 do
  redis.call('ZADD', leases, unpack(own, first, math.min(first + 499, #own)))
end

local held, ids = {}, redis.call('SMEMBERS', KEYS[EXTRA + 1])
for at, run in ipairs(values(runs, ids)) do
  if run and string.sub(run, 1, #life) == life then
    held[#held + 1] = ids[at]
  end
end
return { 1, now, records(held) }
