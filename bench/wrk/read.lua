-- GET /patients/{id} of a random patient.  EHR_BENCH_PAUSE: milliseconds a
-- connection waits on average before each request (default: none).

dofile(os.getenv("EHR_BENCH_DIR") .. "/wrk/common.lua")

function request()
    return wrk.format("GET", "/api/v1/patients/" .. random_patient(),
                      { Authorization = next_token() })
end

local pause = tonumber(os.getenv("EHR_BENCH_PAUSE") or 0)

if pause > 0 then
    function delay()
        return math.floor(math.random() * 2 * pause + 0.5)
    end
end
