# Allocations fail at random, in nginx, in the module and in every library,
# while clients sign in, read and write: a request may be refused or dropped,
# but no worker dies, no write is half done or said to be done when it is not,
# or stored other than it was sent, and all is well once there is memory again.
# Only of calendars nobody asks meanwhile: libical 3.0 dies of an allocation that
# fails alone (t/unit/documents/calendar_memory.c).

use EHR::Test;
use EHR::Test::Chaos;

plan skip_all => 'a sanitizer has an allocator of its own' if $ENV{EHR_NGINX};

my $env = chaos_environment(name => 'allocation', no_nginx => 1);
my $library = $env->dir . '/allocation.so';
my $control = $env->dir . '/allocation';

must_run(undef, qw(cc -O2 -Wall -Wextra -Werror -shared -fPIC -o), $library,
    top() . '/t/preload/allocation.c');
$env->as_service('sh', '-c', 'head -c 8 /dev/zero > "$1"', 'make', $control);
$env->make_files;
{
    local $ENV{LD_PRELOAD} = $library;
    local $ENV{EHR_ALLOCATION} = $control;
    $env->start_nginx;
}
$env->wait_ready;
place($env);
my $user = accounts($env)->{users}{doctor};
my @workers = $env->worker_pids;
my $failed = 0;

for my $one_of (20_000, 2_000, 200) {
    my $load = start_load($env,
        mix => { read => 6, list => 4, write => 10, bare => 2, login => 1 },
        login => [@$user{qw(email password)}]);

    fail_one_of($one_of);
    until_over(2, sub { sleep 0.2 });
    # as many requests as it takes, on a machine however busy
    wait_until(60, sub { failures() > $failed });
    fail_one_of(0);
    sleep 1;
    my $records = $load->stop;
    my $now = failures();

    cmp_ok $now, '>', $failed, sprintf '%d allocations failed, one of %d',
        $now - $failed, $one_of;
    $failed = $now;
    check_load($env, $load, $records, "one of $one_of", also => [500]);
}
is_deeply [$env->worker_pids], \@workers, 'no worker died';
is client(undef, $env)->get('/ready')->{status}, 200, 'nginx is ready';

check_audit_chain($env);
# nginx says so when it gets no memory; nothing else may be wrong
logs_clean($env, allow => qr/\(12: Cannot allocate memory\)/);
done_testing;

sub fail_one_of {
    my ($n) = @_;
    open my $file, '+<:raw', $control or die "$control: $!";
    print $file pack 'L', $n;
    close $file or die "$control: $!";
}

sub failures { return (unpack 'LL', read_file($control))[1] }
