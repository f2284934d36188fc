-- POST /patients/{id}/vitals for a random patient.

dofile(os.getenv("EHR_BENCH_DIR") .. "/wrk/common.lua")

local body = '{"bpSystolic":122,"bpDiastolic":81,"heartRate":72,'
             .. '"temperature":36.8,"oxygenSaturation":98}'

function request()
    return wrk.format("POST",
                      "/api/v1/patients/" .. random_patient() .. "/vitals",
                      { Authorization = next_token(),
                        ["Content-Type"] = "application/json" }, body)
end
