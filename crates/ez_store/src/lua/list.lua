-- ARGV: limit, created_at and id of the job before the page (both empty: from the newest on), most jobs that
-- are looked at, wanted phases as ',a,b,' (empty: all), '1' when only the jobs of one worker are wanted (their
-- set is at KEYS[EXTRA + 1]).
-- Answers {now, records, created_at, id}: the last two say after which job the next page begins, and are
-- empty at the end. They come from the order, so that a record that cannot be read does not end the listing.
local limit, created_at, before = tonumber(ARGV[1]), ARGV[2], ARGV[3]
local budget, phases = tonumber(ARGV[4]), ARGV[5]
local CHUNK = 500
local found, next_score, next_id = {}, '', ''

-- Takes a job into the page; answers whether the page was full before.
local function is_full(id, score, phase)
  -- A record that an earlier version wrote has no phase here; who reads it looks itself.
  if phases ~= '' and phase and not string.find(phases, ',' .. phase .. ',', 1, true) then
    return false
  end
  if #found == limit then
    return true
  end
  found[#found + 1] = id
  next_score, next_id = score, id
  return false
end

if ARGV[6] == '1' then
  local held = {}
  for _, id in ipairs(redis.call('SMEMBERS', KEYS[EXTRA + 1])) do
    local score = redis.call('ZSCORE', job_order, id)
    local after = tonumber(created_at)
    local place = score and tonumber(score)
    if place and (not after or place < after or (place == after and id < before)) then
      held[#held + 1] = { id, score, place }
    end
  end
  table.sort(held, function(a, b)
    if a[3] == b[3] then
      return a[1] > b[1]
    end
    return a[3] > b[3]
  end)
  for _, entry in ipairs(held) do
    if is_full(entry[1], entry[2], redis.call('HGET', job_phases, entry[1])) then
      return { now_ms(), records(found), next_score, next_id }
    end
  end
  return { now_ms(), records(found), '', '' }
end

local first = 0
if created_at ~= '' then
  -- The job before may be gone, so its place is found by its order.
  first = redis.call('ZCOUNT', job_order, '(' .. created_at, '+inf')
  for _, id in ipairs(redis.call('ZREVRANGEBYSCORE', job_order, created_at, created_at)) do
    if id >= before then
      first = first + 1
    end
  end
end
local looked = 0
while true do
  local entries = redis.call('ZREVRANGE', job_order, first + looked, first + looked + CHUNK - 1, 'WITHSCORES')
  local ids, of = {}, {}
  for at = 1, #entries, 2 do
    ids[#ids + 1] = entries[at]
  end
  if phases ~= '' and #ids > 0 then
    of = redis.call('HMGET', job_phases, unpack(ids))
  end
  for at, id in ipairs(ids) do
    if is_full(id, entries[2 * at], of[at]) then
      return { now_ms(), records(found), next_score, next_id }
    end
    looked = looked + 1
    if looked == budget then
      return { now_ms(), records(found), entries[2 * at], id }
    end
  end
  if #ids < CHUNK then
    return { now_ms(), records(found), '', '' }
  end
end
