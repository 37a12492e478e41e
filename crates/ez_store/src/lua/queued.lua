-- ARGV: limit. The jobs that have waited longest come first.
return { now_ms(), records(redis.call('ZRANGE', queued_jobs, 0, ARGV[1] - 1)) }
