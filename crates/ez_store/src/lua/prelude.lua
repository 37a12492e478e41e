-- Shared by all scripts. The keys are local variables of their own names (see keys.rs); a script
-- that works on a worker's set of jobs finds its key behind them, at KEYS[EXTRA + 1].

-- The only clock.
local function now_ms()
  local time = redis.call('TIME')
  return time[1] * 1000 + math.floor(time[2] / 1000)
end

-- The values of many fields of a hash, false where there is none. One call for hundreds of them: calls are what
-- a script spends its time on; more would not fit on Lua's stack.
local function values(hash, fields)
  local found = {}
  for first = 1, #fields, 500 do
    local some = redis.call('HMGET', hash, unpack(fields, first, math.min(first + 499, #fields)))
    for at = 1, #some do
      found[first + at - 1] = some[at]
    end
  end
  return found
end

-- The records of the jobs that are there, each as {id, version, record, figures}.
local function records(ids)
  local found = {}
  local kept, versions, figures = values(jobs, ids), values(job_versions, ids), values(job_stats, ids)
  for at, id in ipairs(ids) do
    if kept[at] then
      found[#found + 1] = { id, versions[at] or '0', kept[at], figures[at] or '' }
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
