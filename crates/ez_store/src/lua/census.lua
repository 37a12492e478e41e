-- No ARGV. Answers {now, {phase, jobs} of each phase, records, queued, oldest of them, in the outbox, oldest
-- of them, chores, runs, lapsed leases}; an oldest that is not there is ''.
local function oldest(index)
  return redis.call('ZRANGE', index, 0, 0, 'WITHSCORES')[2] or ''
end
local now = now_ms()
local counted, phases = {}, {}
for _, phase in ipairs(redis.call('HVALS', job_phases)) do
  counted[phase] = (counted[phase] or 0) + 1
end
for phase, count in pairs(counted) do
  phases[#phases + 1] = { phase, count }
end
return {
  now,
  phases,
  redis.call('HLEN', jobs),
  redis.call('ZCARD', queued_jobs),
  oldest(queued_jobs),
  redis.call('ZCARD', outbox),
  oldest(outbox),
  redis.call('ZCARD', chores),
  redis.call('HLEN', runs),
  redis.call('ZCOUNT', leases, '-inf', now),
}
