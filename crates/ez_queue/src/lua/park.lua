-- Moves a message aside, once. KEYS: stream, parked messages, their count.
-- ARGV: group, message id, how many are kept, then names and values of the fields that are kept.
-- A group that was lost with its stream has nothing to acknowledge.
redis.call('XACK', KEYS[1], ARGV[1], ARGV[2])
if redis.call('XDEL', KEYS[1], ARGV[2]) == 0 then
  return 0
end
redis.call('XADD', KEYS[2], 'MAXLEN', '~', ARGV[3], '*', unpack(ARGV, 4))
redis.call('INCR', KEYS[3])
return 1
