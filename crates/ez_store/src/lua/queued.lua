-- ARGV: how many are skipped, limit. The jobs that have waited longest come first.
return { now_ms(), records(redis.call('ZRANGE', queued_jobs, ARGV[1], ARGV[1] + ARGV[2] - 1)) }
