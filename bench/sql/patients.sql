-- 10,000 patients whose ids are 00000000-0000-7000-8000-1000000nnnnn, so that
-- wrk and pgbench both can draw one without asking.  Encrypted columns stay
-- empty: they cost a request some microseconds in nginx and the database none.

SET ROLE ehr_owner;
SELECT set_config('ehr.scope', 'system', false) \g /dev/null

INSERT INTO ehr.patients (id, first_name, last_name, date_of_birth, gender,
        address, city, state, country, postal_code, emergency_contact_name,
        blood_group, height_cm, weight_kg, chronic_diseases,
        insurance_provider)
SELECT ('00000000-0000-7000-8000-' || 100000000000 + n)::uuid,
       initcap(substr(translate(md5('first' || n), '0123456789',
                                'ghijklmnop'), 1, 7)),
       initcap(substr(translate(md5('last' || n), '0123456789',
                                'ghijklmnop'), 1, 9)),
       date '1930-01-01' + (n * 7919) % 34000,
       (ARRAY['FEMALE', 'MALE', 'OTHER', 'UNKNOWN'])[1 + n % 4],
       n || ' Long Street', 'Springfield', 'Oregon', 'US',
       lpad((n % 100000)::text, 5, '0'), 'Next of Kin ' || n,
       (ARRAY['A+', 'A-', 'B+', 'O+', 'O-'])[1 + n % 5],
       150 + n % 50, 50 + n % 60, ARRAY['Hypertension', 'Asthma'],
       'General Insurance'
  FROM generate_series(0, 9999) AS n;

ANALYZE ehr.patients;
