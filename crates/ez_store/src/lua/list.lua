-- ARGV: limit, created_at and id of the job before the page (both empty: from the newest on).
-- Answers {now, records, created_at, id}: the last two say after which job the next page begins, and are
-- empty at the end. They come from the order, so that a record that cannot be read does not end the listing.
local limit, created_at, before = tonumber(ARGV[1]), ARGV[2], ARGV[3]
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
local entries = redis.call('ZREVRANGE', job_order, first, first + limit, 'WITHSCORES')
local ids = {}
for at = 1, math.min(#entries, 2 * limit), 2 do
  ids[#ids + 1] = entries[at]
end
if #entries <= 2 * limit then
  return { now_ms(), records(ids), '', '' }
end
return { now_ms(), records(ids), entries[2 * limit], entries[2 * limit - 1] }
