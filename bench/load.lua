-- A script for wrk: one POST after the other with the bodies of a file, a line each.

local requests = {}
local next_request = 0

function init(args)
  local target, key, bodies = args[1], args[2], args[3]
  local headers = {
    ["Content-Type"] = "application/json",
    ["Accept"] = "application/json",
    ["Authorization"] = "SecretKey " .. key,
    ["User-Agent"] = "calltrail-bench",
  }
  for body in io.lines(bodies) do
    requests[#requests + 1] = wrk.format("POST", target, headers, body)
  end
end

function request()
  next_request = next_request % #requests + 1
  return requests[next_request]
end

function done(summary, latency, _)
  local errors = summary.errors
  io.write(string.format(
    '\n{"calls": %d, "failures": %d, "seconds": %f, "p50_ms": %f, "p99_ms": %f, "p999_ms": %f}\n',
    summary.requests, errors.connect + errors.read + errors.write + errors.status + errors.timeout,
    summary.duration / 1e6, latency:percentile(50) / 1e3, latency:percentile(99) / 1e3, latency:percentile(99.9) / 1e3))
end
