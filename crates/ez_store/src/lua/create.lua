-- ARGV: id, record, stream key index, name of the phase, index changes.
-- Answers {1} when written, {0, ''} when id or stream key is in use, {2, record} when the id has a record.
local id, record, stream_key = ARGV[1], ARGV[2], ARGV[3]
local present = redis.call('HGET', jobs, id)
if present then
  return { 2, present }
end
-- An id that is only in `epochs` belonged to a removed job: its objects may still be in the bucket.
if redis.call('HEXISTS', epochs, id) == 1 or redis.call('HEXISTS', stream_keys, stream_key) == 1 then
  return { 0, '' }
end
redis.call('HSET', jobs, id, record)
redis.call('HSET', job_versions, id, 1)
redis.call('HSET', job_phases, id, ARGV[4])
apply_changes(id, 5)
return { 1, '' }
