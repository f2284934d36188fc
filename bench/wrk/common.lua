-- What the load scripts share: tokens of several accounts, one a connection's
-- turn, and one line of results for bench/run.

local tokens = {}
for token in (os.getenv("EHR_BENCH_TOKENS") or ""):gmatch("%S+") do
    tokens[#tokens + 1] = "Bearer " .. token
end

local turn = 0

function next_token()
    turn = turn % #tokens + 1
    return tokens[turn]
end

-- One of the 10,000 of sql/patients.sql.
function random_patient()
    return string.format("00000000-0000-7000-8000-1%011d",
                         math.random(0, 9999))
end

local threads = 0

function setup(thread)
    threads = threads + 1
    thread:set("seed", os.time() * 10 + threads)
end

function init()
    math.randomseed(seed)
end

function done(summary, latency)
    local errors = summary.errors
    io.write(string.format(
        "RESULT requests=%d us=%d p50=%d p99=%d refused=%d broken=%d\n",
        summary.requests, summary.duration, latency:percentile(50),
        latency:percentile(99), errors.status,
        errors.connect + errors.read + errors.write + errors.timeout))
end
