-- ARGV: job id, epoch, figures as JSON; what the run's transcoder counted: bytes, seconds up, seconds
-- active.
local run = redis.call('HGET', runs, ARGV[1])
if not run or string.match(run, '|(%d+)$') ~= ARGV[2] then
  return 0
end

local function numbers(text)
  local bytes, up, active = string.match(text or '', '^(%d+),(%d+),(%d+)$')
  return { tonumber(bytes) or 0, tonumber(up) or 0, tonumber(active) or 0 }
end

local kept = redis.call('HGET', job_stats, ARGV[1]) or ''
local epoch, before, last = string.match(kept, '^(%d+)|%d+|([%d,]+)|([%d,]+)|')
before, last = numbers(before), numbers(last)
local counted = { tonumber(ARGV[4]), tonumber(ARGV[5]), tonumber(ARGV[6]) }
-- Each transcoder counts from zero: another run, or one that is up for less long, is another one.
if epoch ~= ARGV[2] or counted[2] < last[2] then
  for at = 1, 3 do
    before[at] = before[at] + last[at]
  end
end
local function text(counts)
  return string.format('%.0f,%.0f,%.0f', counts[1], counts[2], counts[3])
end
local parts = { ARGV[2], string.format('%d', now_ms()), text(before), text(counted), ARGV[3] }
redis.call('HSET', job_stats, ARGV[1], table.concat(parts, '|'))
return 1
