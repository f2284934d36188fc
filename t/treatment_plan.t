# The treatment plan of an appointment takes fields= as other single rows do.

use EHR::Test;
use EHR::Test::Appointments qw(appointment);

my $admin = client('admin');
my $patient = $admin->post('/api/v1/patients',
    json => { firstName => 'Plan', lastName => 'Ned' })->{data};
my $appointment = appointment(environment(), $patient->{id});
my $plan = $admin->post("/api/v1/patients/$patient->{id}/treatment-plans",
    json => { appointmentId => $appointment, title => 'Rest',
        planDetails => 'A week in bed' });
is $plan->{status}, 201, 'a plan' or diag $plan->{body};

my $answer = $admin->get("/api/v1/treatment-plan/$appointment");
is $answer->{status}, 200, 'is found by its appointment';
is $answer->{data}{id}, $plan->{data}{id}, 'as a whole';

$answer = $admin->get("/api/v1/treatment-plan/$appointment?fields=id");
is_deeply $answer->{data}, { id => $plan->{data}{id} },
    'or the fields asked for';

$answer = $admin->get("/api/v1/treatment-plan/$appointment?field=id");
is $answer->{status}, 400, 'an unknown parameter is refused';
is_deeply [keys %{ $answer->{json}{errors} }], ['field'], 'by its name';

logs_clean(environment());
done_testing;
