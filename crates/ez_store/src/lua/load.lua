-- ARGV: job ids.
return { now_ms(), records(ARGV) }
