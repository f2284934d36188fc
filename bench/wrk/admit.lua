-- POST /admissions: each request admits another patient to a ward that has a
-- bed left (see Bench::Ward), from EHR_BENCH_FIRST on.

dofile(os.getenv("EHR_BENCH_DIR") .. "/wrk/common.lua")

local first = tonumber(os.getenv("EHR_BENCH_FIRST"))
local wards = tonumber(os.getenv("EHR_BENCH_WARDS"))
local run = os.getenv("EHR_BENCH_RUN")
local number = nil

function request()
    number = number and number + 2 or first + seed % 2
    local body = string.format(
        '{"patientId":"00000000-0000-7000-8000-1%011d",'
        .. '"wardId":"00000000-0000-7000-8000-5%011d","type":"EMERGENCY"}',
        number, number % wards)

    return wrk.format("POST", "/api/v1/admissions",
                      { Authorization = next_token(),
                        ["Content-Type"] = "application/json",
                        ["Idempotency-Key"] = "bench-" .. run .. "-"
                                              .. number }, body)
end
