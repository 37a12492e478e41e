-- Removes consumers that hold no message and have asked for none for long: schedulers that are gone.
-- KEYS: stream. ARGV: group, how long in ms. In one step with the look at them: one that has just been given
-- a message would lose it.
local removed = 0
for _, told in ipairs(redis.call('XINFO', 'CONSUMERS', KEYS[1], ARGV[1])) do
  local consumer = {}
  for at = 1, #told, 2 do
    consumer[told[at]] = told[at + 1]
  end
  if consumer.pending == 0 and consumer.idle >= tonumber(ARGV[2]) then
    redis.call('XGROUP', 'DELCONSUMER', KEYS[1], ARGV[1], consumer.name)
    removed = removed + 1
  end
end
return removed
