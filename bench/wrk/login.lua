-- POST /auth/login with the right password.

dofile(os.getenv("EHR_BENCH_DIR") .. "/wrk/common.lua")

local body = os.getenv("EHR_BENCH_LOGIN")

function request()
    return wrk.format("POST", "/api/v1/auth/login",
                      { ["Content-Type"] = "application/json" }, body)
end
