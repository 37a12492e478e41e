-- ARGV: id, record, stream key index, name of the phase, hash of the request's body (empty: without a key), how
-- long the key is remembered in ms, index changes. What was made with the request's key is at the last of KEYS.
-- Answers {1, ''} when written, {0, ''} when id or stream key is in use, {2, record} when the id has a record,
-- {3, ''} when the key belongs to another body, {4, id} when a job was made with it before.
local id, record, stream_key, body = ARGV[1], ARGV[2], ARGV[3], ARGV[5]
if body ~= '' then
  local kept_body, former = string.match(redis.call('GET', KEYS[#KEYS]) or '', '^([^|]*)|(.*)$')
  if former and kept_body ~= body then
    return { 3, '' }
  elseif former and former ~= id then
    return { 4, former }
  end
end
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
if body ~= '' then
  redis.call('SET', KEYS[#KEYS], body .. '|' .. id, 'PX', ARGV[6])
end
apply_changes(id, 7)
return { 1, '' }
