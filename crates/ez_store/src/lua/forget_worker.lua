-- ARGV: worker. Its runs and their load stay until their leases lapse.
redis.call('HDEL', workers, ARGV[1])
redis.call('HDEL', worker_states, ARGV[1])
redis.call('ZREM', worker_beats, ARGV[1])
return 1
