-- GET of EHR_BENCH_PATH with a token.

dofile(os.getenv("EHR_BENCH_DIR") .. "/wrk/common.lua")

local path = os.getenv("EHR_BENCH_PATH")

function request()
    return wrk.format("GET", path, { Authorization = next_token() })
end
