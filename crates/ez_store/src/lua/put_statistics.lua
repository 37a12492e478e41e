-- ARGV, for each run: job id, epoch, figures as JSON; what the run's transcoder counted: bytes, seconds up,
-- seconds active.
local function numbers(text)
  local bytes, up, active = string.match(text or '', '^(%d+),(%d+),(%d+)$')
  return { tonumber(bytes) or 0, tonumber(up) or 0, tonumber(active) or 0 }
end
local function text(counts)
  return string.format('%.0f,%.0f,%.0f', counts[1], counts[2], counts[3])
end

local now = string.format('%d', now_ms())
local ids = {}
for at = 1, #ARGV, 6 do
  ids[#ids + 1] = ARGV[at]
end
local of_run, kept = values(runs, ids), values(job_stats, ids)
for place, id in ipairs(ids) do
  local at = 6 * place - 5
  local present = ARGV[at + 1]
  if of_run[place] and string.match(of_run[place], '|(%d+)$') == present then
    local epoch, before, last = string.match(kept[place] or '', '^(%d+)|%d+|([%d,]+)|([%d,]+)|')
    before, last = numbers(before), numbers(last)
    local counted = { tonumber(ARGV[at + 3]), tonumber(ARGV[at + 4]), tonumber(ARGV[at + 5]) }
    -- Each transcoder counts from zero: another run, or one that is up for less long, is another one.
    if epoch ~= present or counted[2] < last[2] then
      for count = 1, 3 do
        before[count] = before[count] + last[count]
      end
    end
    redis.call('HSET', job_stats, id, table.concat({ present, now, text(before), text(counted), ARGV[at + 2] }, '|'))
  end
end
return 1
