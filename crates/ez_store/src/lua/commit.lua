-- ARGV: id, version that is replaced, record, name of its phase, guard, its three arguments, index changes.
-- Answers 1 when the record is in place, 0 when the version or the guard does not hold.
local id, expected, record, phase, guard = ARGV[1], tonumber(ARGV[2]), ARGV[3], ARGV[4], ARGV[5]
local version = tonumber(redis.call('HGET', job_versions, id) or '-1')
if version == expected + 1 and redis.call('HGET', jobs, id) == record then
  return 1 -- The answer to the first try was lost.
end
if version ~= expected then
  return 0
end

if guard == 'lease_still_lapsed' then
  local ends = redis.call('ZSCORE', leases, id)
  if ends and tonumber(ends) > now_ms() then
    return 0
  end
elseif guard == 'worker_has_room' then
  local worker, incarnation, load_limit = ARGV[6], ARGV[7], ARGV[8]
  local state = redis.call('HGET', worker_states, worker)
  local life, max_runs, standing = string.match(state or '', '^([^|]*)|[^|]*|([^|]*)|([^|]*)|')
  if life ~= incarnation or standing ~= '0' then
    return 0
  end
  local held = redis.call('SCARD', KEYS[EXTRA + 1])
  if held > 0 then
    local load = tonumber(redis.call('HGET', worker_loads, worker) or '0')
    if held >= tonumber(max_runs) or load_limit == '' or load > tonumber(load_limit) then
      return 0
    end
  end
end

redis.call('HSET', jobs, id, record)
redis.call('HSET', job_versions, id, expected + 1)
redis.call('HSET', job_phases, id, phase)
apply_changes(id, 9)
return 1
