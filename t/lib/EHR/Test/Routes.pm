package EHR::Test::Routes;

# The routes, from where they are written and from where they are told.
#
#   for my $route (table()) { $route->{method}, {path}, {permission}, … }
#   for my $route (documented($openapi)) { … }
#   my @names = symbols();          # all that the table refers to

use strict;
use warnings;
use EHR::Test::Process qw(top read_file must_run);
use Exporter qw(import);

our @EXPORT_OK = qw(table symbols documented method_path);

# "GET /patients/{id}"
sub method_path { return "$_[0]{method} $_[0]{path}" }

# The rows of src/care/routes.c and of the routes_*.def it includes in their
# order, as the preprocessor gives them: method, path, handler, resource,
# permission (its name or undef), and the flags public staff portal self no_body
# root list creates plain.
sub table {
    my $text = table_text();
    my @routes;

    my $words = qr/"(?:[^"\\]|\\.)*"/;
    while ($text =~ /\{\s*NGX_HTTP_(\w+)\s*,\s*((?:$words\s*)+),\s*(\w+)\s*,
        \s*(?:&ehr_resource_(\w+)|NULL|\(\(void\*\)0\))\s*,\s*(\w+)\s*,
        \s*([^,]+),/gx)
    {
        my ($method, $path, $handler, $resource, $permission, $flags) =
            ($1, $2, $3, $4, $5, $6);
        $path =~ s/"\s*"//g;
        $path =~ s/\s*"\s*//g;
        my %flag = map { lc, 1 } $flags =~ /EHR_ROUTE_(\w+)/g;
        push @routes, { %flag, method => $method, path => $path,
            handler => $handler, resource => $resource,
            permission => permission_name($permission) };
    }
    return @routes;
}

# The C names of handlers, resources, inputs and outputs.
sub symbols {
    my %name = map { $_ => 1 } table_text() =~ /\b(ehr_\w+)/g;
    return sort keys %name;
}

sub table_text {
    my $source = read_file(top() . '/src/care/routes.c');

    $source =~ s/^#include .*\.h"\n//mg;    # the rows in routes_*.def stay
    my $text = must_run("#define EHR_ROUTE_ANYONE "
        . "EHR_ROUTE_STAFF|EHR_ROUTE_PORTAL\n$source", 'cc', '-E', '-P',
        '-I', top() . '/src/care', '-x', 'c', '-');
    $text =~ s/\A.*?ehr_routes\[\]\s*=\s*\{//s or die 'no table of routes';
    return $text;
}

my %permission;

sub permission_name {
    my ($symbol) = @_;
    return undef if $symbol eq '0';
    %permission = read_file(top() . '/src/model/permission.def')
        =~ /^EHR_PERMISSION\((\w+), "([^"]+)"/mg unless %permission;
    $symbol =~ s/^EHR_MAY_//;
    return $permission{$symbol} || die "unknown permission $symbol";
}

# What the OpenAPI document says: method, path, permission.
sub documented {
    my ($document) = @_;
    my @routes;

    for my $path (sort keys %{ $document->{paths} }) {
        my $item = $document->{paths}{$path};
        for my $method (grep { /^(?:get|post|put|patch|delete)$/ }
            sort keys %$item)
        {
            # pages that have a location of their own are not below the API
            next if $item->{$method}{servers} || $item->{servers};
            push @routes, { method => uc $method, path => $path,
                permission => $item->{$method}{'x-permission'} };
        }
    }
    return @routes;
}

1;
