-- ARGV: index, minimum age in ms, limit. Answers {id, run or ''} of what has been ripe for that long.
local index = ({ outbox = outbox, timers = timers, leases = leases })[ARGV[1]]
local ripe = {}
for _, id in ipairs(redis.call('ZRANGEBYSCORE', index, '-inf', now_ms() - ARGV[2], 'LIMIT', 0, ARGV[3])) do
  ripe[#ripe + 1] = { id, redis.call('HGET', runs, id) or '' }
end
return ripe
