-- POST /appointments for a slot that is taken; the body is EHR_BENCH_BODY.

dofile(os.getenv("EHR_BENCH_DIR") .. "/wrk/common.lua")

local body = os.getenv("EHR_BENCH_BODY")

function request()
    return wrk.format("POST", "/api/v1/appointments",
                      { Authorization = next_token(),
                        ["Content-Type"] = "application/json" }, body)
end
