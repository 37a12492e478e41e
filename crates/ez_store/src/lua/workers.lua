-- ARGV: what stands before a worker's id in the key of its set of jobs. Those keys are not in KEYS
-- because the workers are only known here; the common prefix keeps them in the same slot.
local found = {}
local all = redis.call('HGETALL', workers)
for at = 1, #all, 2 do
  local worker = all[at]
  found[#found + 1] = {
    worker,
    all[at + 1],
    redis.call('HGET', worker_states, worker) or '',
    redis.call('HGET', worker_loads, worker) or '0',
    redis.call('ZSCORE', worker_beats, worker) or '0',
    redis.call('SMEMBERS', ARGV[1] .. worker),
  }
end
return found
