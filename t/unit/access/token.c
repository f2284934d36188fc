/* build: src/access/token.c src/access/signature.c src/access/token_sign.c src/access/encoding.c src/access/hash.c src/access/random.c src/model/json_memory.c t/unit/access/forge.c t/unit/access/nginx_stubs.c -ljansson -lcrypto -lcmocka */

#include "../../../src/access/token.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <cmocka.h>
#include <openssl/err.h>

#include "../../../src/access/encoding.h"
#include "forge.h"
#include "nginx_stubs.h"


#define USER     "0190a1b2-c3d4-7e5f-89ab-cdef01234567"
#define SESSION  "0190a1b2-c3d4-7e5f-89ab-cdef89abcdef"
#define HEADER   "{\"alg\":\"HS256\",\"kid\":\"hs\",\"typ\":\"JWT\"}"
#define NOW      1800000000

static forge_t          forge;
static ehr_principal_t  who;


static int
set_up(void **state)
{
    (void) state;
    forge_create(&forge);

    return 0;
}


static int
tear_down(void **state)
{
    (void) state;
    forge_destroy(&forge);

    return 0;
}


/* The claims of a good token, with one replaced, added, or (NULL) removed. */
static const char *
claims_with(const char *name, const char *value)
{
    size_t  i;
    static char  text[8192];
    char   *p;
    int     replaced = 0;

    static const struct { const char *name, *value; }  good[] = {
        { "iss", "\"https://ehr.example\"" }, { "sub", "\"" USER "\"" },
        { "sid", "\"" SESSION "\"" }, { "aud", "\"staff\"" },
        { "roles", "[\"DOCTOR\",\"ADMIN_2\"]" }, { "iat", "1800000000" },
        { "exp", "1800000900" }, { "jti", "\"j1\"" },
        { "email", "\"doctor@demo.example\"" },
    };

    p = text;

    for (i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
        const char *v = good[i].value;

        if (strcmp(good[i].name, name) == 0) {
            v = value;
            replaced = 1;
        }

        if (v) {
            p += sprintf(p, "%s\"%s\":%s", p == text ? "{" : ",",
                         good[i].name, v);
        }
    }

    if (!replaced && value) {
        p += sprintf(p, ",\"%s\":%s", name, value);
    }

    strcpy(p, "}");

    return text;
}


static ehr_token_result_t
read_at(ngx_str_t token, time_t now)
{
    ehr_token_result_t  result;

    /* exactly as long as the token, so that ASan sees a read past it */
    u_char  *copy = malloc(token.len);

    memcpy(copy, token.data, token.len);
    token.data = copy;
    result = ehr_token_read(&forge.conf, &token, now, &who);
    free(copy);

    /* nginx would log what is left as an alert */
    assert_int_equal(ERR_peek_error(), 0);

    return result;
}


#define read_now(token)    read_at(token, NOW)
#define with_header(text)  read_now(forge_hs(&forge, text,                    \
                                             claims_with("", NULL)))
#define with_claim(n, v)   read_now(forge_hs(&forge, HEADER, claims_with(n, v)))
#define good_token()       forge_hs(&forge, HEADER, claims_with("", NULL))


static void
good_token_is_read(void **state)
{
    (void) state;

    assert_int_equal(read_now(good_token()), EHR_TOKEN_OK);
    assert_string_equal(who.user_text, USER);
    assert_string_equal(who.session_text, SESSION);
    assert_int_equal(who.user.bytes[15], 0x67);
    assert_int_equal(who.audience, EHR_AUDIENCE_STAFF);
    assert_int_equal(who.issued, NOW);
    assert_int_equal(who.expires, NOW + 900);
    assert_int_equal(who.nroles, 2);
    assert_string_equal(who.roles[0], "DOCTOR");
    assert_string_equal(who.roles[1], "ADMIN_2");
    assert_int_equal(who.permissions, 0);
}


/* What is signed is read back, with each kind of key, many times: lengths of
 * ECDSA numbers vary. */
static void
signed_tokens_are_read(void **state)
{
    int              i, key;
    ngx_str_t        token, email = ngx_string("doctor@demo.example");
    ehr_principal_t  doctor;

    (void) state;

    memset(&doctor, 0, sizeof(doctor));
    ehr_uuid_parse(&doctor.user, (u_char *) USER, 36);
    ehr_uuid_parse(&doctor.session, (u_char *) SESSION, 36);
    doctor.audience = EHR_AUDIENCE_PORTAL;
    doctor.nroles = 1;
    strcpy((char *) doctor.roles[0], "PATIENT");

    for (key = 0; key < 3; key++) {
        forge.conf.signer = &forge.keys[key];

        for (i = 0; i < (key == 2 ? 300 : 5); i++) {
            assert_int_equal(ehr_token_sign(&forge.conf, forge.pool, &doctor,
                                            &email, &token), NGX_OK);
            assert_int_equal(read_now(token), EHR_TOKEN_OK);
            assert_string_equal(who.user_text, USER);
            assert_int_equal(who.audience, EHR_AUDIENCE_PORTAL);
            assert_string_equal(who.roles[0], "PATIENT");
            assert_int_equal(who.issued, NOW);
            assert_int_equal(who.expires, NOW + 900);
        }
    }
}


static void
email_is_left_out_when_empty(void **state)
{
    u_char           text[EHR_TOKEN_MAX];
    ssize_t          n;
    ngx_str_t        token, email = ngx_null_string;
    ehr_principal_t  doctor;
    u_char          *payload, *end;

    (void) state;

    memset(&doctor, 0, sizeof(doctor));
    doctor.audience = EHR_AUDIENCE_STAFF;
    doctor.issued = NOW - 10;
    doctor.expires = NOW + 10;
    forge.conf.signer = &forge.keys[0];

    assert_int_equal(ehr_token_sign(&forge.conf, forge.pool, &doctor, &email,
                                    &token), NGX_OK);
    payload = (u_char *) memchr(token.data, '.', token.len) + 1;
    end = memchr(payload, '.', token.data + token.len - payload);
    n = ehr_base64url_decode(text, payload, end - payload);
    assert_true(n > 0);
    text[n] = '\0';
    assert_null(strstr((char *) text, "email"));

    assert_int_equal(read_now(token), EHR_TOKEN_OK);
    assert_int_equal(who.issued, NOW - 10);
    assert_int_equal(who.expires, NOW + 10);
}


static void
none_is_refused_in_every_case(void **state)
{
    size_t      i, j;
    char        header[128];
    ngx_str_t   token, cut;

    static const char *const  names[] = {
        "none", "None", "NONE", "nOnE", "NoNe", "", " none", "null"
    };
    static const char *const  kids[] = { "hs", "rs", "es" };

    (void) state;

    for (i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        for (j = 0; j < 3; j++) {
            sprintf(header,
                    "{\"alg\":\"%s\",\"kid\":\"%s\",\"typ\":\"JWT\"}",
                    names[i], kids[j]);
            token = forge_hs(&forge, header, claims_with("", NULL));
            assert_int_equal(read_now(token), EHR_TOKEN_UNTRUSTED);

            /* with an empty signature, and without the last point */
            cut = token;
            while (cut.data[cut.len - 1] != '.') {
                cut.len--;
            }
            assert_int_equal(read_now(cut), EHR_TOKEN_MALFORMED);
            cut.len--;
            assert_int_equal(read_now(cut), EHR_TOKEN_MALFORMED);
        }
    }
}


static void
algorithm_must_be_the_keys(void **state)
{
    size_t  i;
    char    header[128];

    static const char *const  names[] = {
        "hs256", "Hs256", "HS384", "HS512", "RS256", "ES256", "HS256 ",
        "HS25", "PS256", "EdDSA", "HS256\\u0041"
    };

    (void) state;

    for (i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        sprintf(header, "{\"alg\":\"%s\",\"kid\":\"hs\",\"typ\":\"JWT\"}",
                names[i]);
        assert_int_equal(with_header(header), EHR_TOKEN_UNTRUSTED);
    }

    assert_int_equal(with_header("{\"alg\":1,\"kid\":\"hs\",\"typ\":\"JWT\"}"),
                     EHR_TOKEN_MALFORMED);
    assert_int_equal(with_header("{\"kid\":\"hs\",\"typ\":\"JWT\"}"),
                     EHR_TOKEN_MALFORMED);
}


/* The public key as the secret of an HMAC, under every pairing of alg and
 * kid. */
static void
public_key_is_no_hmac_secret(void **state)
{
    int   i, j, key;
    char  header[128];

    static const char *const  algorithms[] = { "HS256", "RS256", "ES256" };
    static const char *const  kids[] = { "hs", "rs", "es" };

    (void) state;

    for (i = 0; i < 3; i++) {
        for (j = 0; j < 3; j++) {
            for (key = 1; key < 3; key++) {
                sprintf(header, "{\"alg\":\"%s\",\"kid\":\"%s\","
                        "\"typ\":\"JWT\"}", algorithms[i], kids[j]);
                assert_int_equal(read_now(forge_token(&forge, header,
                                                   claims_with("", NULL),
                                                   forge.public_pem[key].data,
                                                   forge.public_pem[key].len,
                                                   NULL)),
                                 EHR_TOKEN_UNTRUSTED);
            }
        }
    }
}


static void
keys_are_not_exchanged(void **state)
{
    EVP_PKEY  *stranger;

    (void) state;

    /* right form, someone else's key */
    stranger = EVP_EC_gen("P-256");
    assert_int_equal(read_now(forge_token(&forge,
                         "{\"alg\":\"ES256\",\"kid\":\"es\",\"typ\":\"JWT\"}",
                         claims_with("", NULL), NULL, 0, stranger)),
                     EHR_TOKEN_UNTRUSTED);
    EVP_PKEY_free(stranger);

    /* our own keys under another's name */
    assert_int_equal(read_now(forge_token(&forge,
                         "{\"alg\":\"ES256\",\"kid\":\"rs\",\"typ\":\"JWT\"}",
                         claims_with("", NULL), NULL, 0, forge.keys[2].pkey)),
                     EHR_TOKEN_UNTRUSTED);
    assert_int_equal(read_now(forge_token(&forge,
                         "{\"alg\":\"ES256\",\"kid\":\"es\",\"typ\":\"JWT\"}",
                         claims_with("", NULL), NULL, 0, forge.keys[1].pkey)),
                     EHR_TOKEN_UNTRUSTED);

    /* and as they should be */
    assert_int_equal(read_now(forge_token(&forge,
                         "{\"alg\":\"RS256\",\"kid\":\"rs\",\"typ\":\"JWT\"}",
                         claims_with("", NULL), NULL, 0, forge.keys[1].pkey)),
                     EHR_TOKEN_OK);
    assert_int_equal(read_now(forge_token(&forge,
                         "{\"alg\":\"ES256\",\"kid\":\"es\",\"typ\":\"JWT\"}",
                         claims_with("", NULL), NULL, 0, forge.keys[2].pkey)),
                     EHR_TOKEN_OK);
}


static void
kid_tricks_are_refused(void **state)
{
    size_t  i;
    char    header[512];

    static const char *const  unknown[] = {
        "\"\"", "\"HS\"", "\"hs \"", "\"h\"", "\"hs2\"", "\"../../dev/null\"",
        "\"/dev/null\"", "\"' OR 1=1 --\"", "\"hs\\n\"", "\"%68s\"",
    };
    static const char *const  wrong[] = {
        "null", "0", "true", "[\"hs\"]", "{\"hs\":1}", "\"hs\\u0000\"",
    };

    (void) state;

    for (i = 0; i < sizeof(unknown) / sizeof(unknown[0]); i++) {
        sprintf(header, "{\"alg\":\"HS256\",\"kid\":%s,\"typ\":\"JWT\"}",
                unknown[i]);
        assert_int_equal(with_header(header), EHR_TOKEN_UNTRUSTED);
    }

    for (i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
        sprintf(header, "{\"alg\":\"HS256\",\"kid\":%s,\"typ\":\"JWT\"}",
                wrong[i]);
        assert_int_equal(with_header(header), EHR_TOKEN_MALFORMED);
    }

    assert_int_equal(with_header("{\"alg\":\"HS256\",\"typ\":\"JWT\"}"),
                     EHR_TOKEN_MALFORMED);
}


/* A key whose file was empty must not make signatures optional. */
static void
empty_key_verifies_nothing(void **state)
{
    ngx_str_t  kept;

    (void) state;

    kept = forge.keys[0].secret;
    forge.keys[0].secret.len = 0;
    assert_int_equal(read_now(forge_token(&forge, HEADER,
                                          claims_with("", NULL), "", 0, NULL)),
                     EHR_TOKEN_UNTRUSTED);
    forge.keys[0].secret = kept;
}


static void
other_headers_are_refused(void **state)
{
    size_t  i;
    char    header[256];

    static const char *const  members[] = {
        "\"crit\":[\"exp\"]", "\"crit\":[]", "\"jwk\":{}", "\"jku\":\"x\"",
        "\"x5u\":\"x\"", "\"x5c\":[]", "\"zip\":\"DEF\"", "\"b64\":false",
        "\"cty\":\"JWT\"", "\"ALG\":\"none\"", "\"\":1",
    };
    static const char *const  types[] = {
        "jwt", "Jwt", "at+jwt", "JWS", "JWE", "", "JWT ", "application/jwt",
    };

    (void) state;

    for (i = 0; i < sizeof(members) / sizeof(members[0]); i++) {
        sprintf(header, "{\"alg\":\"HS256\",\"kid\":\"hs\",\"typ\":\"JWT\",%s}",
                members[i]);
        assert_int_equal(with_header(header), EHR_TOKEN_UNTRUSTED);
    }

    for (i = 0; i < sizeof(types) / sizeof(types[0]); i++) {
        sprintf(header, "{\"alg\":\"HS256\",\"kid\":\"hs\",\"typ\":\"%s\"}",
                types[i]);
        assert_int_equal(with_header(header), EHR_TOKEN_UNTRUSTED);
    }

    assert_int_equal(with_header("{\"alg\":\"HS256\",\"kid\":\"hs\"}"),
                     EHR_TOKEN_MALFORMED);
}


static void
duplicates_are_refused(void **state)
{
    size_t       i;
    char         payload[1024];
    const char  *good;

    static const char *const  headers[] = {
        "{\"alg\":\"none\",\"alg\":\"HS256\",\"kid\":\"hs\",\"typ\":\"JWT\"}",
        "{\"alg\":\"HS256\",\"alg\":\"HS256\",\"kid\":\"hs\",\"typ\":\"JWT\"}",
        "{\"alg\":\"HS256\",\"kid\":\"x\",\"kid\":\"hs\",\"typ\":\"JWT\"}",
        "{\"alg\":\"HS256\",\"\\u0061lg\":\"none\",\"kid\":\"hs\","
        "\"typ\":\"JWT\"}",
    };
    static const char *const  claims[] = {
        "\"sub\":\"" SESSION "\"", "\"aud\":\"portal\"", "\"roles\":[]",
        "\"exp\":1900000000", "\"r\\u006fles\":[\"SYSTEM\"]",
    };

    (void) state;

    for (i = 0; i < sizeof(headers) / sizeof(headers[0]); i++) {
        assert_int_equal(with_header(headers[i]), EHR_TOKEN_MALFORMED);
    }

    good = claims_with("", NULL);

    for (i = 0; i < sizeof(claims) / sizeof(claims[0]); i++) {
        sprintf(payload, "%.*s,%s}", (int) strlen(good) - 1, good, claims[i]);
        assert_int_equal(read_now(forge_hs(&forge, HEADER, payload)),
                         EHR_TOKEN_MALFORMED);
    }
}


static void
claims_must_be_ours(void **state)
{
    (void) state;

    assert_int_equal(with_claim("iss", "\"https://ehr.example/\""),
                     EHR_TOKEN_UNTRUSTED);
    assert_int_equal(with_claim("iss", "\"\""), EHR_TOKEN_UNTRUSTED);
    assert_int_equal(with_claim("aud", "\"Staff\""), EHR_TOKEN_UNTRUSTED);
    assert_int_equal(with_claim("aud", "\"admin\""), EHR_TOKEN_UNTRUSTED);
    assert_int_equal(with_claim("aud", "\"\""), EHR_TOKEN_UNTRUSTED);
    assert_int_equal(with_claim("aud", "\"portal\""), EHR_TOKEN_OK);
    assert_int_equal(who.audience, EHR_AUDIENCE_PORTAL);
}


static void
claims_must_have_their_types(void **state)
{
    size_t  i;

    static const struct { const char *name, *value; }  wrong[] = {
        { "iss", NULL }, { "iss", "null" },
        { "iss", "[\"https://ehr.example\"]" },
        { "aud", NULL }, { "aud", "[\"staff\"]" },
        { "aud", "[\"staff\",\"portal\"]" }, { "aud", "1" },
        { "sub", NULL }, { "sub", "null" }, { "sub", "\"\"" }, { "sub", "7" },
        { "sub", "\"00000000\"" }, { "sub", "\"" USER " \"" },
        { "sid", NULL }, { "sid", "\"x\"" }, { "sid", "{}" },
        { "jti", NULL }, { "jti", "\"\"" }, { "jti", "1" },
        { "email", "1" }, { "email", "null" }, { "email", "[]" },
        { "roles", NULL }, { "roles", "\"DOCTOR\"" }, { "roles", "{}" },
        { "roles", "[1]" }, { "roles", "[null]" }, { "roles", "[\"\"]" },
        { "roles", "[\"doctor\"]" }, { "roles", "[\"DOC TOR\"]" },
        { "roles", "[\"2DOCTOR\"]" },
        { "roles", "[[\"DOCTOR\"]]" },
        { "roles", "[\"A\",\"B\",\"C\",\"D\",\"E\",\"F\",\"G\",\"H\",\"I\"]" },
        { "roles", "[\"AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA\"]" },
        { "iat", NULL }, { "iat", "\"1800000000\"" }, { "iat", "1800000000.0" },
        { "iat", "1.8e9" }, { "iat", "-1" }, { "iat", "true" },
        { "iat", "9223372036854775807" }, { "iat", "253402300800" },
        { "exp", NULL }, { "exp", "\"1800000900\"" }, { "exp", "1800000900.5" },
        { "exp", "-1" }, { "exp", "null" }, { "exp", "9223372036854775807" },
        { "nbf", "\"0\"" }, { "nbf", "null" }, { "nbf", "1.5" },
    };

    (void) state;

    for (i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
        if (with_claim(wrong[i].name, wrong[i].value) != EHR_TOKEN_MALFORMED) {
            fail_msg("%s: %s is not malformed", wrong[i].name,
                     wrong[i].value);
        }
    }

    assert_int_equal(with_claim("sub", "\"" USER "\\u0000\""),
                     EHR_TOKEN_MALFORMED);
    assert_int_equal(with_claim("roles", "[\"DOCTOR\\u0000X\"]"),
                     EHR_TOKEN_MALFORMED);

    assert_int_equal(with_claim("roles", "[]"), EHR_TOKEN_OK);
    assert_int_equal(who.nroles, 0);
    assert_int_equal(with_claim("roles",
                         "[\"A\",\"B\",\"C\",\"D\",\"E\",\"F\",\"G\",\"H\"]"),
                     EHR_TOKEN_OK);
    assert_int_equal(with_claim("roles",
                 "[\"AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA\"]"),
                     EHR_TOKEN_OK);
    assert_int_equal(strlen((char *) who.roles[0]), EHR_ROLE_NAME - 1);
    assert_int_equal(with_claim("email", NULL), EHR_TOKEN_OK);
    assert_int_equal(with_claim("another", "{\"any\":[1]}"), EHR_TOKEN_OK);
}


static void
time_edges(void **state)
{
    ngx_str_t  token;

    (void) state;

    /* exp: not a second longer */
    token = good_token();
    assert_int_equal(read_at(token, NOW + 899), EHR_TOKEN_OK);
    assert_int_equal(read_at(token, NOW + 900), EHR_TOKEN_EXPIRED);
    assert_int_equal(read_at(token, NOW + 901), EHR_TOKEN_EXPIRED);

    /* iat: the leeway and not a second more */
    assert_int_equal(read_at(token, NOW - 5), EHR_TOKEN_OK);
    assert_int_equal(read_at(token, NOW - 6), EHR_TOKEN_UNTRUSTED);

    /* nbf */
    assert_int_equal(with_claim("nbf", "1800000005"), EHR_TOKEN_OK);
    assert_int_equal(with_claim("nbf", "1800000006"), EHR_TOKEN_UNTRUSTED);

    /* for longer than we sign */
    assert_int_equal(with_claim("exp", "1800000905"), EHR_TOKEN_OK);
    assert_int_equal(with_claim("exp", "1800000906"), EHR_TOKEN_UNTRUSTED);

    /* over before it began */
    assert_int_equal(with_claim("exp", "1800000000"), EHR_TOKEN_UNTRUSTED);
    assert_int_equal(with_claim("iat", "1800000004"), EHR_TOKEN_OK);
    assert_int_equal(with_claim("iat", "1800000901"), EHR_TOKEN_UNTRUSTED);
    assert_int_equal(with_claim("iat", "0"), EHR_TOKEN_UNTRUSTED);
}


static void
every_prefix_is_refused(void **state)
{
    ngx_str_t  token;

    (void) state;

    for (token = good_token(), token.len--; token.len; token.len--) {
        assert_int_not_equal(read_now(token), EHR_TOKEN_OK);
    }

    assert_int_equal(read_now(token), EHR_TOKEN_MALFORMED);
}


/* Flips every bit, with each kind of key: no other text is accepted. */
static void
every_flipped_bit_is_refused(void **state)
{
    int        key;
    char       header[128];
    size_t     bit, step;
    ngx_str_t  token;

    (void) state;

    for (key = 0; key < 3; key++) {
        sprintf(header, "{\"alg\":\"%s\",\"kid\":\"%s\",\"typ\":\"JWT\"}",
                forge.keys[key].algorithm.data, forge.keys[key].id.data);
        token = forge_token(&forge, header, claims_with("", NULL),
                            forge.secret, 32, forge.keys[key].pkey);
        assert_int_equal(read_now(token), EHR_TOKEN_OK);
        step = key == 0 ? 1 : 5;

        for (bit = 0; bit < token.len * 8; bit += step) {
            token.data[bit / 8] ^= 1 << bit % 8;
            assert_int_not_equal(read_now(token), EHR_TOKEN_OK);
            token.data[bit / 8] ^= 1 << bit % 8;
        }
    }
}


static void
append(ngx_str_t *token, const char *text)
{
    memcpy(token->data + token->len, text, strlen(text) + 1);
    token->len += strlen(text);
}


static void
garbage_around_is_refused(void **state)
{
    size_t     i;
    ngx_str_t  token, longer;

    static const char *const  tails[] = {
        ".", "..", ".x", "=", "==", " ", "\n", "\t", "A", "AA", "AAAA",
        ".eyJhbGciOiJub25lIn0", "%00", ","
    };

    (void) state;

    for (i = 0; i < sizeof(tails) / sizeof(tails[0]); i++) {
        token = good_token();
        append(&token, tails[i]);
        assert_int_not_equal(read_now(token), EHR_TOKEN_OK);
    }

    /* NUL, as part of the length */
    token = good_token();
    token.len++;
    assert_int_equal(read_now(token), EHR_TOKEN_MALFORMED);

    for (i = 0; i < 3; i++) {
        token = good_token();
        longer.len = token.len + 1;
        longer.data = ngx_palloc(forge.pool, longer.len);
        longer.data[0] = " .\n"[i];
        memcpy(longer.data + 1, token.data, token.len);
        assert_int_equal(read_now(longer), EHR_TOKEN_MALFORMED);
    }
}


/* HS256's 32 bytes are 43 characters with two bits to spare: of the four last
 * characters that decode alike, one is accepted. */
static void
one_spelling_is_accepted(void **state)
{
    int         accepted;
    size_t      i;
    ngx_str_t   token;

    static const char  alphabet[] =
        "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_+/";

    (void) state;

    token = good_token();
    accepted = 0;

    for (i = 0; i < sizeof(alphabet) - 1; i++) {
        token.data[token.len - 1] = alphabet[i];
        accepted += read_now(token) == EHR_TOKEN_OK;
    }

    assert_int_equal(accepted, 1);
}


static void
payload_must_be_an_object(void **state)
{
    size_t  i;

    static const char *const  texts[] = {
        "[]", "1", "\"x\"", "null", "{", "{}", "{}{}", "{} ", "\xef\xbb\xbf{}",
        "{\"iss\":\"\xff\"}",
    };

    (void) state;

    for (i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
        assert_int_not_equal(read_now(forge_hs(&forge, HEADER, texts[i])),
                             EHR_TOKEN_OK);
        assert_int_not_equal(with_header(texts[i]), EHR_TOKEN_OK);
    }

    /* signed, but with something behind the object */
    assert_int_not_equal(read_now(forge_hs(&forge, HEADER,
                             strcat((char *) claims_with("", NULL), "x"))),
                         EHR_TOKEN_OK);
}


static void
longest_token(void **state)
{
    size_t     n;
    char       value[4096];
    ngx_str_t  token;

    (void) state;

    /* grows by base64's steps up to the limit and over it */
    for (n = 2400; n < 2900; n++) {
        memset(value, 'x', n);
        value[0] = value[n - 1] = '"';
        value[n] = '\0';
        token = forge_hs(&forge, HEADER, claims_with("more", value));
        assert_int_equal(read_now(token),
                         token.len <= EHR_TOKEN_MAX ? EHR_TOKEN_OK
                                                    : EHR_TOKEN_MALFORMED);
    }

    assert_true(token.len > EHR_TOKEN_MAX);
}


static void
deep_json_is_refused(void **state)
{
    char  value[2048];

    (void) state;

    memset(value, '[', sizeof(value) - 1);
    value[sizeof(value) - 1] = '\0';
    assert_int_not_equal(with_claim("more", value), EHR_TOKEN_OK);
}


static void
jwks_shows_public_keys_only(void **state)
{
    json_t     *set, *keys, *rsa, *ec;
    ngx_str_t   text;

    (void) state;

    assert_int_equal(ehr_token_jwks(&forge.conf, forge.pool, &text), NGX_OK);
    set = json_loadb((char *) text.data, text.len, 0, NULL);
    keys = json_object_get(set, "keys");
    assert_int_equal(json_array_size(keys), 2);

    rsa = json_array_get(keys, 0);
    assert_int_equal(json_object_size(rsa), 6);
    assert_string_equal(json_string_value(json_object_get(rsa, "kty")), "RSA");
    assert_string_equal(json_string_value(json_object_get(rsa, "kid")), "rs");
    assert_string_equal(json_string_value(json_object_get(rsa, "use")), "sig");
    assert_string_equal(json_string_value(json_object_get(rsa, "alg")),
                        "RS256");
    assert_string_equal(json_string_value(json_object_get(rsa, "e")), "AQAB");
    assert_int_equal(json_string_length(json_object_get(rsa, "n")), 342);

    ec = json_array_get(keys, 1);
    assert_int_equal(json_object_size(ec), 7);
    assert_string_equal(json_string_value(json_object_get(ec, "kty")), "EC");
    assert_string_equal(json_string_value(json_object_get(ec, "crv")),
                        "P-256");
    assert_int_equal(json_string_length(json_object_get(ec, "x")), 43);
    assert_int_equal(json_string_length(json_object_get(ec, "y")), 43);
    json_decref(set);

    forge.conf.keys.nelts = 1;
    assert_int_equal(ehr_token_jwks(&forge.conf, forge.pool, &text), NGX_OK);
    assert_int_equal(text.len, 11);
    assert_memory_equal(text.data, "{\"keys\":[]}", 11);
    forge.conf.keys.nelts = 3;
}


int
main(void)
{
    const struct CMUnitTest  tests[] = {
        cmocka_unit_test(good_token_is_read),
        cmocka_unit_test(signed_tokens_are_read),
        cmocka_unit_test(email_is_left_out_when_empty),
        cmocka_unit_test(none_is_refused_in_every_case),
        cmocka_unit_test(algorithm_must_be_the_keys),
        cmocka_unit_test(public_key_is_no_hmac_secret),
        cmocka_unit_test(keys_are_not_exchanged),
        cmocka_unit_test(kid_tricks_are_refused),
        cmocka_unit_test(empty_key_verifies_nothing),
        cmocka_unit_test(other_headers_are_refused),
        cmocka_unit_test(duplicates_are_refused),
        cmocka_unit_test(claims_must_be_ours),
        cmocka_unit_test(claims_must_have_their_types),
        cmocka_unit_test(time_edges),
        cmocka_unit_test(every_prefix_is_refused),
        cmocka_unit_test(every_flipped_bit_is_refused),
        cmocka_unit_test(garbage_around_is_refused),
        cmocka_unit_test(one_spelling_is_accepted),
        cmocka_unit_test(payload_must_be_an_object),
        cmocka_unit_test(longest_token),
        cmocka_unit_test(deep_json_is_refused),
        cmocka_unit_test(jwks_shows_public_keys_only),
    };

    return cmocka_run_group_tests(tests, set_up, tear_down);
}
