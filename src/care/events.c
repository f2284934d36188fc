/*
 * The ring of events: see events.h.
 *
 * One writer, the owner of the feed, and readers without a lock.  An entry is
 * good if it has the sequence that was looked for before and after it was
 * copied; a writer that dies in one leaves it without a sequence, and whoever
 * comes by starts anew.
 */

#include "../access/shared.h"
#include "events.h"


static uint64_t  ehr_events_last;       /* written; published or not */


void
ehr_events_reset(void)
{
    ngx_uint_t   i;
    ngx_time_t  *now;

    ehr_store(ehr_availability->epoch, 0);
    ngx_memory_barrier();

    for (i = 0; i < EHR_EVENTS; i++) {
        ehr_store(ehr_availability->events[i].sequence, 0);
    }

    ehr_store(ehr_availability->head, 0);
    ehr_events_last = 0;

    now = ngx_timeofday();
    ehr_store(ehr_availability->epoch,
              (uint64_t) now->sec * 1000 + now->msec);
}


void
ehr_events_put(ehr_event_t *event)
{
    ehr_event_t  *entry;

    event->sequence = ++ehr_events_last;
    entry = &ehr_availability->events[event->sequence % EHR_EVENTS];

    ehr_store(entry->sequence, 0);
    ngx_memory_barrier();

    entry->kind = event->kind;
    entry->day = event->day;
    entry->entity = event->entity;
    entry->doctor = event->doctor;
    entry->clinic = event->clinic;
    entry->patient = event->patient;

    ehr_store(entry->sequence, event->sequence);
}


void
ehr_events_publish(void)
{
    if (ehr_availability->head != ehr_events_last) {
        ehr_store(ehr_availability->head, ehr_events_last);
    }
}


void
ehr_events_place(ehr_event_place_t *place)
{
    place->epoch = ehr_load(ehr_availability->epoch);
    place->sequence = ehr_load(ehr_availability->head);
}


ngx_int_t
ehr_events_next(ehr_event_place_t *place, ehr_event_t *event)
{
    uint64_t      head;
    ehr_event_t  *entry;

    if (place->epoch == 0 || ehr_load(ehr_availability->epoch) != place->epoch)
    {
        return NGX_DECLINED;
    }

    head = ehr_load(ehr_availability->head);

    if (head == place->sequence) {
        return NGX_DONE;
    }

    if (place->sequence > head || head - place->sequence >= EHR_EVENTS) {
        return NGX_DECLINED;
    }

    entry = &ehr_availability->events[(place->sequence + 1) % EHR_EVENTS];

    if (ehr_load(entry->sequence) != place->sequence + 1) {
        return NGX_DECLINED;
    }

    *event = *entry;
    ngx_memory_barrier();

    if (ehr_load(entry->sequence) != place->sequence + 1) {
        return NGX_DECLINED;
    }

    place->sequence++;
    event->sequence = place->sequence;

    return NGX_OK;
}
