-- ARGV: job id, epoch, figures as JSON.
local run = redis.call('HGET', runs, ARGV[1])
if not run or string.match(run, '|(%d+)$') ~= ARGV[2] then
  return 0
end
redis.call('HSET', job_stats, ARGV[1], table.concat({ ARGV[2], string.format('%d', now_ms()), ARGV[3] }, '|'))
return 1
