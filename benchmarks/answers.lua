-- The script that wrk runs: sends prepared requests in turn and compares every answer with the bodies expected.
--
-- wrk -s answers.lua URL -- PLAN: PLAN is a Lua file (written by load.py) that returns {requests = {...}, bodies = {[body] = true}}.
-- Prints one line of figures at the end; times are microseconds.

local threads = {}
local plan
local turn = 0

wrong = 0 -- global: read by done() through thread:get

function setup(thread)
  table.insert(threads, thread)
end

function init(arguments)
  plan = dofile(arguments[1])
end

function request()
  turn = turn % #plan.requests + 1
  return plan.requests[turn]
end

function response(status, headers, body)
  if status ~= 200 or not plan.bodies[body] then
    wrong = wrong + 1
  end
end

function done(summary, latency)
  local mistaken = 0
  for _, thread in ipairs(threads) do
    mistaken = mistaken + thread:get("wrong")
  end
  local errors = summary.errors
  io.write(string.format(
    'FIGURES {"requests": %d, "duration": %d, "p50": %d, "p99": %d, "wrong": %d, "broken": %d}\n',
    summary.requests, summary.duration, latency:percentile(50), latency:percentile(99), mistaken,
    errors.connect + errors.read + errors.write + errors.timeout + errors.status
  ))
end
