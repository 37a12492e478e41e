-- ARGV: worker, incarnation, standing, used millicores, lease in ms, then job id, epoch and digest of the record that
-- the caller knows ('' for none) of each run.
-- Answers {known, now, the jobs whose run belongs to this life of the worker, each as {id, epoch, version, record,
-- digest}}; a record that the caller knows is ''. The digest is of the text: a version says less, as a store that lost its last
-- second counts it again.
local worker, incarnation = ARGV[1], ARGV[2]
local now = now_ms()
local kept = string.match(redis.call('HGET', worker_states, worker) or '', '^([^|]*|[^|]*|[^|]*)|')
if not kept or string.match(kept, '^[^|]*') ~= incarnation then
  return { 0, now, {} }
end
redis.call('HSET', worker_states, worker, table.concat({ kept, ARGV[3], ARGV[4] }, '|'))
redis.call('ZADD', worker_beats, now, worker)

local life = worker .. '|' .. incarnation .. '|'
local told, known = {}, {}
for at = 6, #ARGV, 3 do
  told[#told + 1] = ARGV[at]
  known[ARGV[at]] = ARGV[at + 2]
end
local own = {}
for at, run in ipairs(values(runs, told)) do
  if run == life .. ARGV[3 * at + 4] then
    own[#own + 1] = now + ARGV[5]
    own[#own + 1] = told[at]
  end
end
for first = 1, #own, 500 do
  redis.call('ZADD', leases, unpack(own, first, math.min(first + 499, #own)))
end

local held, epochs, ids = {}, {}, redis.call('SMEMBERS', KEYS[EXTRA + 1])
for at, run in ipairs(values(runs, ids)) do
  if run and string.sub(run, 1, #life) == life then
    held[#held + 1] = ids[at]
    epochs[#held] = string.sub(run, #life + 1)
  end
end
local kept, versions, found = values(jobs, held), values(job_versions, held), {}
for at, id in ipairs(held) do
  if kept[at] then
    local digest = redis.sha1hex(kept[at])
    found[#found + 1] = { id, epochs[at], versions[at] or '0', known[id] == digest and '' or kept[at], digest }
  end
end
return { 1, now, found }
