-- The script that wrk runs: sends prepared requests in turn and checks every answer.
--
-- wrk -s answers.lua URL -- PLAN: PLAN is a Lua file (written by wrk.py) that returns
--   requests  a list of texts
--   status    of every right answer
--   bodies    a set of texts, one of which is the body; or instead of it
--   part      a text that the body holds
--   mark      a text in each request, in whose place another one of 12 characters stands each time; or nil
--   cookies   what stands there instead: for each request a cookie, until an answer to it has brought a newer one; or nil.
--             Answers name the request that they belong to by an address, as user7@example.com for the seventh
--   pause     milliseconds that a connection rests after an answer, on average; 0: none
--   sheds     whether 503 may be answered too, which is counted apart; `wait`: milliseconds until that client comes back
-- Prints one line of figures at the end; times are microseconds.

local threads = {}
local plan
local turn = 0
local number = os.time() % 2 ^ 24 * 2 ^ 24 -- of the next request, in 48 bits; larger than any of the run before
local owed = 0 -- clients that were told to come back later and have not been sent away yet

wrong = 0 -- globals: read by done() through thread:get
shed = 0

function setup(thread)
  table.insert(threads, thread)
end

function init(arguments)
  plan = dofile(arguments[1])
  if plan.pause > 0 or plan.wait > 0 then
    delay = find_delay -- wrk asks for delays only where a function of this name is
  end
  if plan.mark then
    for place, text in ipairs(plan.requests) do
      local first, last = string.find(text, plan.mark, 1, true)
      plan.requests[place] = { string.sub(text, 1, first - 1), string.sub(text, last + 1) }
    end
    request = plan.cookies and send_cookie or send_number
  end
end

function request()
  turn = turn % #plan.requests + 1
  return plan.requests[turn]
end

function send_number()
  turn = turn % #plan.requests + 1
  number = number + 1
  local parts = plan.requests[turn]
  return string.format("%s%012x%s", parts[1], number, parts[2])
end

function send_cookie()
  turn = turn % #plan.requests + 1
  local parts = plan.requests[turn]
  return parts[1] .. plan.cookies[turn] .. parts[2]
end

function keep_cookie(headers, body)
  local browser = tonumber(string.match(body, '"email":"user(%d+)@'))
  local cookie = string.match(headers["set-cookie"] or headers["Set-Cookie"] or "", "^[^;]*")
  local before = plan.cookies[browser]
  local name = before and string.match(before, "^[^=]*=")
  if name and string.sub(cookie, 1, #name) == name then
    plan.cookies[browser] = cookie
  end
end

function find_delay()
  if owed > 0 then
    owed = owed - 1
    return plan.wait
  end
  return plan.pause > 0 and math.random(0, 2 * plan.pause) or 0
end

function response(status, headers, body)
  if plan.cookies then
    keep_cookie(headers, body)
  end
  if plan.sheds and status == 503 then
    shed = shed + 1
    owed = owed + (plan.wait > 0 and 1 or 0)
  elseif status ~= plan.status or not is_expected(body) then
    wrong = wrong + 1
  end
end

function is_expected(body)
  if plan.part then
    return string.find(body, plan.part, 1, true)
  end
  return plan.bodies[body]
end

function done(summary, latency)
  local figures = { wrong = 0, shed = 0 }
  for _, thread in ipairs(threads) do
    figures.wrong = figures.wrong + thread:get("wrong")
    figures.shed = figures.shed + thread:get("shed")
  end
  local errors = summary.errors
  io.write(string.format(
    'FIGURES {"requests": %d, "shed": %d, "duration": %d, "p50": %d, "p99": %d, "wrong": %d, "broken": %d}\n',
    summary.requests - figures.shed, figures.shed, summary.duration, latency:percentile(50), latency:percentile(99),
    figures.wrong, errors.connect + errors.read + errors.write + errors.timeout
  ))
end
