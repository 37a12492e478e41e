-- ARGV: what stands before a worker's id in the key of its set of jobs. Those keys are not in KEYS
-- because the workers are only known here; the common prefix keeps them in the same slot.
local found, ids, kept = {}, {}, {}
local all = redis.call('HGETALL', workers)
for at = 1, #all, 2 do
  ids[#ids + 1] = all[at]
  kept[#kept + 1] = all[at + 1]
end
local states, loads = values(worker_states, ids), values(worker_loads, ids)
for at, worker in ipairs(ids) do
  found[at] = {
    worker,
    kept[at],
    states[at] or '',
    loads[at] or '0',
    redis.call('ZSCORE', worker_beats, worker) or '0',
    redis.call('SMEMBERS', ARGV[1] .. worker),
  }
end
return found
