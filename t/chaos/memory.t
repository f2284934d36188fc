# A worker's memory does not grow with the number of requests it has served:
# after the first half it is what it is at the end, for reads, writes, failed
# logins and errors of all kinds.  Half, because it reaches its full size in
# steps: how many reads share an audit row's batch, and so when a connection of
# that lane is first replaced, depends on how busy the machine is.
#
# EHR_CHAOS_SECONDS (make soak): a million requests.

use EHR::Test;
use EHR::Test::Chaos;

my $sanitized = $ENV{EHR_NGINX};        # keeps freed memory: only its leaks count
my $total = $sanitized ? 20_000 : $ENV{EHR_CHAOS_SECONDS} ? 1_000_000 : 200_000;
my $env = chaos_environment(name => 'memory', workers => 1, edit => sub {
    my ($conf) = @_;
    $conf =~ s/^(\s*access_log)\s[^;]*;/$1 off;/m or die;
    $conf =~ s/keepalive_requests\s+\d+/keepalive_requests 1000/ or die;
    # a worker has its full size once all its connections are open, which
    # otherwise depends on how slow the machine was at some moment, and once
    # one was replaced by another, which by default comes after 100,000
    # batches: have both in the warm-up
    $conf =~ s/connections=8/connections=2/ or die;
    $conf =~ s/^\s*ehr_database_recycle.*\n//m;
    $conf =~ s/^http \{$/http {\n    ehr_database_recycle 2000;/m or die;
    return $conf;
});
my %place = place($env);
my ($worker) = $env->worker_pids;
my $script = $env->dir . '/requests.lua';

write_file($script, <<'END');
-- arguments: kind, number of requests, token, patient
local kind, left, token, patient, n
function init(given)
   kind, left, token, patient, n = given[1], tonumber(given[2]), given[3],
      given[4], 0
end

local json = { ["Content-Type"] = "application/json" }
local function with(method, path, body, headers)
   headers = headers or { ["Authorization"] = "Bearer " .. token,
      ["Content-Type"] = "application/json" }
   return wrk.format(method, path, headers, body)
end

local kinds = {}
function kinds.reads()
   if n % 3 == 0 then
      return with("GET", "/api/v1/patients/" .. patient .. "/vitals?limit=2")
   end
   return with("GET", "/api/v1/patients/" .. patient)
end
function kinds.writes()
   local headers = { ["Authorization"] = "Bearer " .. token,
      ["Content-Type"] = "application/json",
      ["Idempotency-Key"] = "memory-" .. n }
   return with("POST", "/api/v1/patients/" .. patient .. "/vitals",
      '{"heartRate":72,"notes":"memory ' .. n .. '"}', n % 2 == 0 and headers)
end
function kinds.logins()
   return with("POST", "/api/v1/auth/login", '{"email":"nobody' .. n
      .. '@test.example","password":"wrong-' .. n .. '"}', json)
end
function kinds.errors()
   local path = "/api/v1/patients/" .. patient
   local way = n % 8
   if way == 0 then return with("GET", "/api/v1/nothing/" .. n) end
   if way == 1 then return with("GET", path, nil,
      { ["Authorization"] = "Bearer x.y." .. n }) end
   if way == 2 then return with("POST", path .. "/vitals", '{"heartRate":') end
   if way == 3 then return with("POST", path .. "/vitals",
      '{"heartRate":"' .. n .. '","notes":5}') end
   if way == 4 then return with("DELETE", "/api/v1/departments/" .. patient) end
   if way == 5 then return with("POST", path .. "/vitals", "x=1",
      { ["Authorization"] = "Bearer " .. token,
        ["Content-Type"] = "text/plain" }) end
   if way == 6 then return with("PUT", path .. "/vitals", "{}") end
   return with("GET", "/api/v1/vitals/" .. patient)
end

function request()
   n = n + 1
   return kinds[kind]()
end
function response()
   left = left - 1
   -- ends wrk, which prints its sums; system() would ignore it itself
   if left == 0 then os.execute("(sleep 0.1; kill -INT $PPID) &") end
end
END

my %share = (reads => 0.56, errors => 0.3, writes => 0.13, logins => 0.01);
for my $kind (qw(reads errors logins writes)) {
    my $n = $total * $share{$kind};

    requests($kind, $n / 2);
    my $warm = resident();
    my $open = connections();
    my $took = requests($kind, $n / 2);
    my $after = resident();
    my $allowed = $warm * 0.05 > 2048 ? $warm * 0.05 : 2048;

    note sprintf '%s: %d requests, %.0f a second, %d kB, then %d kB; '
        . '%d connections, then %d', $kind, $n, $n / 2 / $took, $warm,
        $after, $open, connections();
    SKIP: {
        skip 'a sanitizer keeps what is freed', 1 if $sanitized;
        cmp_ok $after - $warm, '<=', $allowed, "no growth by $kind";
    }
}
is(($env->worker_pids)[0], $worker, 'it was one worker all the time');
my $rows = $env->sql("SELECT count(*) FROM ehr.vitals WHERE notes LIKE 'mem%'");
cmp_ok $rows, '>=', $total * $share{writes} / 2, 'it did the writes';

logs_clean($env);
done_testing;

# Sends so many requests of a kind; returns the seconds it took.
sub requests {
    my ($kind, $n) = @_;
    my $began = time();
    my ($status, $out, $err) = run_command(undef, 'wrk', '-t1', '-c24',
        '-d3000', '-s', $script, $env->url, '--', $kind, int $n,
        $place{tokens}[0], $place{patients}[0]);

    is $status, 0, "wrk ran: $kind" or diag $err;
    unlike $out, qr/Socket errors/, 'and had an answer to each request'
        or diag $out;
    return time() - $began;
}

sub connections {
    return $env->sql('SELECT count(*) FROM pg_stat_activity'
        . " WHERE usename = 'ehr_app'");
}

# When the last requests are over.
sub resident {
    sleep 0.5;
    return $env->resident($worker);
}
