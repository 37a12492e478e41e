-- ARGV: worker, incarnation, record, max runs, standing, used millicores.
local worker, incarnation, record = ARGV[1], ARGV[2], ARGV[3]
local now = now_ms()
local life, registered = string.match(redis.call('HGET', worker_states, worker) or '', '^([^|]*)|([^|]*)|')
if life ~= incarnation then
  registered = string.format('%d', now)
end
redis.call('HSET', workers, worker, record)
redis.call('HSET', worker_states, worker, table.concat({ incarnation, registered, ARGV[4], ARGV[5], ARGV[6] }, '|'))
redis.call('ZADD', worker_beats, now, worker)
return 1
