-- POST /appointments: each request takes another free slot, the one whose
-- number (see Bench::Booking) counts up from EHR_BENCH_FIRST.

dofile(os.getenv("EHR_BENCH_DIR") .. "/wrk/common.lua")

local first = tonumber(os.getenv("EHR_BENCH_FIRST"))
local doctors = tonumber(os.getenv("EHR_BENCH_DOCTORS"))
local day = tonumber(os.getenv("EHR_BENCH_DAY"))
local number = nil

function request()
    number = number and number + 2 or first + seed % 2
    local slot = math.floor(number / doctors)
    local start = day + math.floor(slot / 96) * 86400 + 6 * 3600
                  + slot % 96 * 600
    local body = string.format(
        '{"patientId":"00000000-0000-7000-8000-1%011d",'
        .. '"doctorId":"00000000-0000-7000-8000-2%011d",'
        .. '"start":"%s","durationMinutes":10,"reason":"Check-up"}',
        number * 7919 % 10000, number % doctors,
        os.date("!%Y-%m-%dT%H:%M:%SZ", start))

    return wrk.format("POST", "/api/v1/appointments",
                      { Authorization = next_token(),
                        ["Content-Type"] = "application/json",
                        ["Idempotency-Key"] = "bench-" .. number }, body)
end
