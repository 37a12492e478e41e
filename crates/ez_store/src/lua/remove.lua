-- ARGV: id, version that is removed, highest epoch, index changes.
local id, expected, last_epoch = ARGV[1], ARGV[2], ARGV[3]
local version = redis.call('HGET', job_versions, id)
if not version then
  return redis.call('HEXISTS', epochs, id) -- 1: the answer to the first try was lost.
end
if version ~= expected then
  return 0
end
apply_changes(id, 4)
redis.call('HDEL', jobs, id)
redis.call('HDEL', job_versions, id)
redis.call('HDEL', job_phases, id)
redis.call('HDEL', job_stats, id)
redis.call('HSET', epochs, id, last_epoch)
return 1
