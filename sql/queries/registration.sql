-- The patient of a new account; after REGISTER in the same batch, scope
-- 'system'.
-- $1 patient id; $2 user id; $3 first name; $4 last name; $5 birth date or
-- null; $6 gender or null; $7 email, $8 its blind indexes, $9 phone, $10
-- its blind indexes, all bytea
-- → id
-- name: REGISTER_PATIENT
INSERT INTO ehr.patients (id, user_id, first_name, last_name, date_of_birth,
        gender, email, email_index, phone, phone_index)
VALUES ($1::uuid, $2::uuid, $3::text, $4::text, $5::date,
        coalesce($6::text, 'UNKNOWN'), $7::bytea, $8::bytea, $9::bytea,
        $10::bytea)
RETURNING id;
