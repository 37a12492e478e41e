-- Takes a message out of the stream. KEYS: stream. ARGV: group, message id.
redis.call('XACK', KEYS[1], ARGV[1], ARGV[2])
return redis.call('XDEL', KEYS[1], ARGV[2])
