-- Admissions and beds beyond what their descriptors say; the functions decide
-- who may, which bed, and what is refused (sql/README.md).  No isolation and
-- no equipment is nothing asked for.

-- Admits, plans or waits.
-- $1 id; $2 patient; $3 bed; $4 hospital; $5 ward; $6 room class;
-- $7 isolation; $8 equipment, an array; $9 type; $10 admitting doctor;
-- $11 diagnosis; $12 its code; $13 expected discharge; $14 appointment;
-- $15 the mother's admission; $16 admitted at; $17 planned start; $18 planned
-- end; $19 whether it waits if nothing is free; $20 reason; $21 additional
-- data; $22 beds to try first, an array; from $3 on each may be null, but $9
-- name: ADMISSION_CREATE
SELECT ehr.admission_create($1::uuid, $2::uuid, $3::uuid, $4::uuid,
           $5::uuid, $6::uuid, nullif($7::boolean, false),
           nullif($8::text[], '{}'), $9::text, $10::uuid,
           $11::text, $12::text, $13::timestamptz, $14::uuid, $15::uuid,
           $16::timestamptz, $17::timestamptz, $18::timestamptz,
           $19::boolean, $20::text, $21::jsonb, $22::uuid[]);

-- Makes a plan or a wait an admission.
-- $1 id; $2 versions or null; $3 bed; $4 hospital; $5 ward; $6 room class;
-- $7 isolation; $8 equipment, an array; $9 admitted at; $10 reason; $11 beds
-- to try first, an array
-- name: ADMISSION_ADMIT
SELECT ehr.admission_admit($1::uuid,
           ehr.expected('admissions', $1::uuid, $2::integer[]), $3::uuid,
           $4::uuid, $5::uuid, $6::uuid, nullif($7::boolean, false),
           nullif($8::text[], '{}'), $9::timestamptz,
           $10::text, $11::uuid[]);

-- $1 id; $2 versions or null; $3 bed; $4 hospital; $5 ward; $6 room class;
-- $7 isolation; $8 equipment, an array; $9 when; $10 reason; $11 beds to try
-- first, an array
-- name: ADMISSION_TRANSFER
SELECT ehr.admission_transfer($1::uuid,
           ehr.expected('admissions', $1::uuid, $2::integer[]), $3::uuid,
           $4::uuid, $5::uuid, $6::uuid, nullif($7::boolean, false),
           nullif($8::text[], '{}'), $9::timestamptz,
           $10::text, $11::uuid[]);

-- $1 id; $2 versions or null; $3 the other admission; $4 when; $5 reason
-- name: ADMISSION_SWAP
SELECT ehr.admission_swap($1::uuid,
           ehr.expected('admissions', $1::uuid, $2::integer[]), $3::uuid,
           $4::timestamptz, $5::text);

-- $1 id; $2 versions or null; $3 ORDERED, DONE or WITHDRAWN; $4 disposition;
-- $5 when; $6 reason
-- name: ADMISSION_DISCHARGE
SELECT ehr.admission_discharge($1::uuid,
           ehr.expected('admissions', $1::uuid, $2::integer[]), $3::text,
           $4::text, $5::timestamptz, $6::text);

-- $1 id; $2 versions or null; $3 until when, or null; $4 reason
-- name: ADMISSION_LEAVE
SELECT ehr.admission_leave($1::uuid,
           ehr.expected('admissions', $1::uuid, $2::integer[]),
           $3::timestamptz, $4::text);

-- $1 id; $2 versions or null
-- name: ADMISSION_RETURN
SELECT ehr.admission_return($1::uuid,
           ehr.expected('admissions', $1::uuid, $2::integer[]));

-- $1 id; $2 versions or null; $3 reason
-- name: ADMISSION_CANCEL
SELECT ehr.admission_cancel($1::uuid,
           ehr.expected('admissions', $1::uuid, $2::integer[]), $3::text);

-- To AVAILABLE, CLEANING or OUT_OF_SERVICE.
-- $1 id; $2 versions or null; $3 status; $4 reason
-- name: BED_STATUS
SELECT ehr.bed_status($1::uuid,
           ehr.expected('beds', $1::uuid, $2::integer[]), $3::text, $4::text);
