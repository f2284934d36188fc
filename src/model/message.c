/*
 * Texts of messages and the choice of a language: see message.h.
 */

#include <string.h>
#include <strings.h>

#include "message.h"


/* The longest symbol that is looked up. */
#define SYMBOL_SIZE  64

/* A quality as in Accept-Language, in thousandths. */
#define QUALITY_ONE  1000

/* Ranges of a header that are looked at. */
#define MAX_RANGES  100

#define NOT_MENTIONED  (-1)


typedef struct {
    const char  *symbol;
    const char  *texts[EHR_LANGUAGES];
} sentence_t;

typedef struct {
    const char  *at;
    const char  *end;
} span_t;


static const sentence_t  sentences[EHR_MESSAGES] = {
    [EHR_MESSAGE_NONE] = { "", { "", "" } },
#define EHR_MESSAGE(symbol, english, spanish)                                 \
    [EHR_MESSAGE_##symbol] = { #symbol, { english, spanish } },
#include "messages.def"
#undef EHR_MESSAGE
};

static const char *const  language_tags[EHR_LANGUAGES] = { "en", "es" };


const char *
ehr_message_text(ehr_message_t message, ehr_language_t language)
{
    if ((unsigned) message >= EHR_MESSAGES) {
        return "";
    }

    if ((unsigned) language >= EHR_LANGUAGES) {
        language = EHR_ENGLISH;
    }

    return sentences[message].texts[language];
}


ehr_message_t
ehr_message_find(const char *symbol, size_t len)
{
    int  i;

    if (len == 0 || len >= SYMBOL_SIZE) {
        return EHR_MESSAGE_NONE;
    }

    for (i = 1; i < EHR_MESSAGES; i++) {
        if (strlen(sentences[i].symbol) == len
            && strncasecmp(sentences[i].symbol, symbol, len) == 0)
        {
            return (ehr_message_t) i;
        }
    }

    return EHR_MESSAGE_NONE;
}


static void
skip_spaces(span_t *span)
{
    while (span->at < span->end && (*span->at == ' ' || *span->at == '\t')) {
        span->at++;
    }
}


/* The first of a character, the span's end if there is none. */
static const char *
find(span_t span, char character)
{
    while (span.at < span.end && *span.at != character) {
        span.at++;
    }

    return span.at;
}


/* "q=0.8" → 800.  What is not a quality counts as 1, as if absent. */
static int
parse_quality(span_t span)
{
    int  digit, quality, weight;

    skip_spaces(&span);

    if (span.end - span.at < 3 || (span.at[0] != 'q' && span.at[0] != 'Q')
        || span.at[1] != '=' || span.at[2] < '0' || span.at[2] > '1')
    {
        return QUALITY_ONE;
    }

    quality = (span.at[2] - '0') * QUALITY_ONE;
    span.at += 3;

    if (span.at == span.end || *span.at != '.') {
        return quality;
    }

    for (span.at++, weight = QUALITY_ONE / 10;
         span.at < span.end && weight > 0;
         span.at++, weight /= 10)
    {
        digit = *span.at - '0';
        if (digit < 0 || digit > 9) {
            break;
        }

        quality += digit * weight;
    }

    return quality > QUALITY_ONE ? QUALITY_ONE : quality;
}


/* Which language a range such as "es-MX" or "*" means: an ehr_language_t,
 * EHR_LANGUAGES for any, or -1 for one we do not speak. */
static int
parse_range(span_t span)
{
    int     i;
    size_t  len;

    for (len = 0; span.at + len < span.end; len++) {
        if (strchr("- \t", span.at[len]) != NULL) {
            break;
        }
    }

    if (len == 1 && *span.at == '*') {
        return EHR_LANGUAGES;
    }

    for (i = 0; i < EHR_LANGUAGES; i++) {
        if (len == strlen(language_tags[i])
            && strncasecmp(span.at, language_tags[i], len) == 0)
        {
            return i;
        }
    }

    return -1;
}


/*
 * Takes one element of the list, "es-MX;q=0.8", into the scores: the best one
 * named for each language, the last place is for "*".  A score is the
 * quality, and among equal ones the earlier is the higher; 0: not wanted.
 */
static void
take_range(span_t element, int position, int scores[EHR_LANGUAGES + 1])
{
    int     language, quality, score;
    span_t  range, parameter;

    skip_spaces(&element);

    if (element.at >= element.end) {
        return;
    }

    range.at = element.at;
    range.end = find(element, ';');

    language = parse_range(range);
    if (language < 0) {
        return;
    }

    quality = QUALITY_ONE;

    if (range.end < element.end) {
        parameter.at = range.end + 1;
        parameter.end = element.end;
        quality = parse_quality(parameter);
    }

    score = quality == 0 ? 0 : quality * MAX_RANGES - position;

    if (score > scores[language]) {
        scores[language] = score;
    }
}


ehr_language_t
ehr_language_of(const char *header, size_t len)
{
    int             i, best, score, position, scores[EHR_LANGUAGES + 1];
    span_t          element, rest;
    ehr_language_t  language;

    for (i = 0; i <= EHR_LANGUAGES; i++) {
        scores[i] = NOT_MENTIONED;
    }

    rest.at = header;
    rest.end = header + len;

    for (position = 0; rest.at < rest.end && position < MAX_RANGES;
         position++)
    {
        element.at = rest.at;
        element.end = find(rest, ',');
        rest.at = element.end < rest.end ? element.end + 1 : rest.end;

        take_range(element, position, scores);
    }

    language = EHR_ENGLISH;
    best = 0;

    for (i = 0; i < EHR_LANGUAGES; i++) {
        score = scores[i] == NOT_MENTIONED ? scores[EHR_LANGUAGES]
                                           : scores[i];
        if (score > best) {
            best = score;
            language = (ehr_language_t) i;
        }
    }

    return language;
}
