package EHR::Test::Token;

# Makes access tokens with the key of an environment, or without it.
#
#   my $token = EHR::Test::Token->new($env);
#   $token->make(claims => { sub => $id, roles => ['ADMIN'] });
#   $token->make(header => { alg => 'none' }, signature => '');
#
# make(): header and claims are laid over good ones (undef leaves a member
# out); header_text and claims_text replace their JSON; secret signs with other
# bytes; signature replaces the signature.

use strict;
use warnings;
use Digest::SHA qw(hmac_sha256);
use EHR::Test::Process qw(read_file);
use Exporter qw(import);
use JSON::PP;
use MIME::Base64 qw(encode_base64url decode_base64url decode_base64);

our @EXPORT_OK = qw(parts);

my $json = JSON::PP->new->utf8->canonical;

sub new {
    my ($class, $env, %option) = @_;
    return bless { secret => secret_of($env->key_file('jwt')),
        id => 'development', %option }, $class;
}

# The bytes of a key file: hex or base64.
sub secret_of {
    my ($file) = @_;
    my $text = read_file($file);
    $text =~ s/\s+\z//;
    return $text =~ /\A[0-9a-f]+\z/i ? pack('H*', $text)
        : decode_base64($text);
}

sub make {
    my ($self, %option) = @_;
    my $now = time;
    my %header = (alg => 'HS256', typ => 'JWT', kid => $self->{id},
        %{ $option{header} || {} });
    my $issued = ($option{claims} || {})->{iat} || $now;
    my %claims = (iss => 'nginx-ehr', aud => 'staff', jti => "test-$now-$$",
        sub => 'c0ffee00-0000-4000-8000-000000000001',
        sid => 'c0ffee00-0000-4000-8000-000000000002',
        roles => ['ADMIN'], iat => $issued, exp => $issued + 600,
        %{ $option{claims} || {} });

    my $head = $option{header_text} || $json->encode(defined_of(\%header));
    my $body = $option{claims_text} || $json->encode(defined_of(\%claims));
    my $signed = encode_base64url($head) . '.' . encode_base64url($body);
    my $secret = exists $option{secret} ? $option{secret} : $self->{secret};

    return "$signed." . (defined $option{signature} ? $option{signature}
        : encode_base64url(hmac_sha256($signed, $secret)));
}

sub defined_of {
    my ($hash) = @_;
    return { map { $_ => $hash->{$_} }
        grep { defined $hash->{$_} } keys %$hash };
}

# (header, claims) of a token.
sub parts {
    my ($token) = @_;
    my @parts = split /\./, $token;
    return map { $json->decode(decode_base64url($_)) } @parts[0, 1];
}

1;
