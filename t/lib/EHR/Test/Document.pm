package EHR::Test::Document;

# The OpenAPI document as tests want it.
#
#   my $document = EHR::Test::Document->load(client());
#   for my $operation ($document->operations) { … }   # {method}, {path}, {url}
#   for my $resource ($document->resources) { … }     # {name}, {collection} …
#
# An operation: method (upper case), path (template), url (template with its
# server's prefix), id, public, query (parameters by name), body and data
# (schemas, references resolved; undef where there is none), envelope.
#
# A resource: name, collection and item (url templates; both end in the last
# path parameter {id} or have none), parent (name of the parameter in
# collection or undef), create, read, update (schemas), methods (of the item).

use strict;
use warnings;

sub load {
    my ($class, $client) = @_;
    my $answer = $client->get('/api/v1/openapi.json');
    die "no document: $answer->{status}\n" unless $answer->{json};
    return bless { text => $answer->{body}, root => $answer->{json} }, $class;
}

sub text { $_[0]{text} }
sub root { $_[0]{root} }

# Follows {"$ref": "#/…"}.
sub resolve {
    my ($self, $node) = @_;

    while (ref $node eq 'HASH' && $node->{'$ref'}) {
        my $target = $self->{root};
        for my $step (split m{/}, $node->{'$ref'} =~ s{^#/}{}r) {
            $target = $target->{$step};
        }
        $node = $target or die "dangling reference";
    }
    return $node;
}

sub schema { $_[0]->resolve($_[0]{root}{components}{schemas}{$_[1]}) }

sub operations {
    my ($self) = @_;
    return @{ $self->{operations} ||= [ map {
        my $path = $_;
        my $item = $self->{root}{paths}{$path};
        my $server = ($item->{servers} || $self->{root}{servers})->[0]{url};
        my $url = $server eq '/' ? $path : $server . $path;
        map { $self->operation(uc $_, $path, $url, $item->{$_}) }
            grep { /^(?:get|put|post|patch|delete)$/ } sort keys %$item;
    } sort keys %{ $self->{root}{paths} } ] };
}

sub operation {
    my ($self, $method, $path, $url, $spec) = @_;
    my %query = map { $_->{name} => $_ }
        grep { $_->{in} eq 'query' } @{ $spec->{parameters} || [] };
    my ($good) = grep { /^2/ } sort keys %{ $spec->{responses} };
    my $json = sub { $_[0] && $_[0]{content}{'application/json'}{schema} };
    my $envelope = $json->($self->resolve($spec->{responses}{$good}));

    return {
        method => $method, path => $path, url => $url, spec => $spec,
        id => $spec->{operationId}, public => !@{ $spec->{security} },
        query => \%query, status => $good, envelope => $envelope,
        body => $self->resolve($json->($spec->{requestBody})),
        data => $envelope && $envelope->{properties}{data},
    };
}

# All that have a list, can be added to, read, changed and replaced.
sub resources {
    my ($self) = @_;
    my %listed = map { $_->{url} => 1 } grep { $_->{method} eq 'GET' }
        $self->operations;
    return @{ $self->{resources} ||= [ grep { $_->{update} && $_->{methods}{PUT} }
        map { $self->resource($_) }
        grep { $_->{method} eq 'POST' && $_->{status} == 201 && !$_->{public}
            && $listed{ $_->{url} } } $self->operations ] };
}

sub resource {
    my ($self, $create) = @_;
    my %of;
    $of{$_->{url}}{$_->{method}} = $_ for $self->operations;
    my $collection = $create->{url};
    my ($name) = $collection =~ m{([^/]+)$};
    my ($prefix) = $collection =~ m{^(/api/v1)};
    # an action that makes a row has none
    my ($item) = ((grep { $of{$_} } "$collection/{id}",
        "$prefix/$name/{id}"), '');
    my ($parent) = $collection =~ m/\{(\w+)\}/;
    my $list = $of{$collection}{GET};

    return {
        name => $name, collection => $collection, item => $item,
        parent => $parent, methods => $of{$item}, list => $list,
        create => $create->{body}, update => $of{$item}{PATCH}{body},
        read => $self->resolve($of{$item}{GET}{data}),
        restore => $of{"$item/restore"} ? "$item/restore" : undef,
    };
}

# The one type a schema has beside null.
sub type {
    my ($schema) = @_;
    my ($type, @more) = ref $schema->{type}
        ? grep { $_ ne 'null' } @{ $schema->{type} } : $schema->{type};
    return @more ? 'any' : $type;
}

sub is_nullable { ref $_[0]{type} && grep { $_ eq 'null' } @{ $_[0]{type} } }

# What is wrong with a value by its schema: sentences, each with where.  Knows
# of JSON Schema what the document uses.
sub faults {
    my ($self, $schema, $value, $at) = @_;
    $schema = $self->resolve($schema);
    $at = '' unless defined $at;
    my @types = ref $schema->{type} ? @{ $schema->{type} } : $schema->{type};

    return "$at: no schema" unless defined $types[0];
    my $type = kind($value);
    $type = 'number' if $type eq 'integer' && !grep { $_ eq 'integer' } @types;
    return "$at: is $type, not @types" unless grep { $_ eq $type } @types;
    return () if $type eq 'null';

    my @faults;
    push @faults, "$at: not one of the values" if $schema->{enum}
        && !grep { defined && $_ eq $value } @{ $schema->{enum} };
    if ($type eq 'string') {
        my $pattern = $schema->{pattern};
        $pattern =~ s/\\u([0-9a-f]{4})/\\x{$1}/g if $pattern;
        push @faults, "$at: does not match" if $pattern
            && $value !~ /$pattern/;
        push @faults, "$at: too long" if defined $schema->{maxLength}
            && length $value > $schema->{maxLength};
        push @faults, "$at: not a $schema->{format}"
            if $schema->{format} && !fits($schema->{format}, $value);
    }
    if ($type =~ /number|integer/) {
        push @faults, "$at: too small" if defined $schema->{minimum}
            && $value < $schema->{minimum};
        push @faults, "$at: too large" if defined $schema->{maximum}
            && $value > $schema->{maximum};
    }
    if ($type eq 'array') {
        push @faults, map {
            $self->faults($schema->{items}, $value->[$_], "$at\[$_]")
        } 0 .. $#$value;
    }
    if ($type eq 'object' && $schema->{properties}) {
        push @faults, map { "$at.$_: missing" }
            grep { !exists $value->{$_} } @{ $schema->{required} || [] };
        for my $name (sort keys %$value) {
            my $property = $schema->{properties}{$name};
            push @faults, $property
                ? $self->faults($property, $value->{$name}, "$at.$name")
                : "$at.$name: not in the schema";
        }
    }
    return @faults;
}

# The JSON type of a decoded value.
sub kind {
    my ($value) = @_;
    return 'null' unless defined $value;
    return 'array' if ref $value eq 'ARRAY';
    return 'object' if ref $value eq 'HASH';
    return 'boolean' if ref $value;
    require B;
    return 'string'
        unless B::svref_2object(\$value)->FLAGS & (B::SVf_IOK() | B::SVf_NOK());
    return $value == int $value ? 'integer' : 'number';
}

sub fits {
    my ($format, $value) = @_;
    my %form = (
        uuid => qr/\A[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}\z/,
        date => qr/\A\d{4}-\d\d-\d\d\z/,
        'date-time' => qr/\A\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d+)?Z\z/,
        email => qr/\A[^@\s]+@[^@\s]+\z/,
        uri => qr{\A[a-z]+://\S+\z},
    );
    return $form{$format} ? $value =~ $form{$format} : 0;
}

# Fills the parameters of a path template in, in order.
sub fill {
    my ($template, @ids) = @_;
    $template =~ s/\{\w+\}/@ids ? shift @ids : die "no id for $template"/ge;
    return $template;
}

1;
