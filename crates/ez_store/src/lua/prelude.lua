-- Shared by all scripts. The keys are local variables of their own names (see keys.rs); a script
-- that works on a worker's set of jobs finds its key behind them, at KEYS[EXTRA + 1].

-- The only clock.
local function now_ms()
  local time = redis.call('TIME')
  return time[1] * 1000 + math.floor(time[2] / 1000)
end

-- The records of the jobs that are there, each as {id, version, record, figures}.
local function records(ids)
  local found = {}
  for _, id in ipairs(ids) do
    local record = redis.call('HGET', jobs, id)
    if record then
      local figures = redis.call('HGET', job_stats, id) or ''
      found[#found + 1] = { id, redis.call('HGET', job_versions, id) or '0', record, figures }
    end
  end
  return found
end

local function place(index, id, score)
  if score == '' then
    redis.call('ZREM', index, id)
  else
    redis.call('ZADD', index, score, id)
  end
end

local apply = {
  listed = function(id, score) place(job_order, id, score) end,
  queued = function(id, score) place(queued_jobs, id, score) end,
  timer = function(id, score) place(timers, id, score) end,
  chore = function(id, score) place(chores, id, score) end,
  outbox = function(id, waits) place(outbox, id, waits == '' and '' or now_ms()) end,
  epoch = function(id, epoch) redis.call('HSET', epochs, id, epoch) end,
  stream_key_added = function(id, index) redis.call('HSET', stream_keys, index, id) end,
  stream_key_removed = function(_, index) redis.call('HDEL', stream_keys, index) end,
  run_ended = function(id, key, worker, millicores)
    redis.call('SREM', KEYS[EXTRA + key], id)
    if redis.call('HINCRBY', worker_loads, worker, 0 - millicores) == 0 then
      redis.call('HDEL', worker_loads, worker)
    end
    redis.call('HDEL', runs, id)
    redis.call('ZREM', leases, id)
  end,
  -- The figures of the run before stay: a stopped job still shows its totals, the next adds to them.
  run_began = function(id, key, worker, millicores, run, lease_ms)
    redis.call('SADD', KEYS[EXTRA + key], id)
    redis.call('HINCRBY', worker_loads, worker, millicores)
    redis.call('HSET', runs, id, run)
    redis.call('ZADD', leases, now_ms() + lease_ms, id)
  end,
}

-- Carries out the index changes that stand in ARGV from `first` on: a name, the number of
-- arguments, the arguments.
local function apply_changes(id, first)
  local at = first
  while ARGV[at] do
    local count = tonumber(ARGV[at + 1])
    apply[ARGV[at]](id, unpack(ARGV, at + 2, at + 1 + count))
    at = at + 2 + count
  end
end
