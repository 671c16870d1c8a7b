-- What docs/SQL.md says, over PostgreSQL's own functions. Every value is a text: a number without
-- needless zeros, a time in milliseconds since 1970. Beside NULL there are two that are no values: an
-- error, and what a record does not have. So nothing here raises an exception, and no order of
-- evaluation matters. A scalar, whose type is that of what a record has, begins with its letter:
-- n a number, s a text, b a boolean.
CREATE FUNCTION err() RETURNS text LANGUAGE sql IMMUTABLE AS
  $$ SELECT E'\x01error e3d96c1f70b24a58' $$;
CREATE FUNCTION missing() RETURNS text LANGUAGE sql IMMUTABLE AS
  $$ SELECT E'\x01missing 8b5f02a94e617dc3' $$;

-- ---- one function of PostgreSQL over values ------------------------------------------------------
CREATE FUNCTION apply(template text, args text[]) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
  made text;
BEGIN
  EXECUTE 'SELECT (' || template || ')::text' INTO made USING args;
  RETURN made;
EXCEPTION WHEN OTHERS THEN
  RETURN err();
END $$;

-- The worst of them: an error, what is missing, NULL.
CREATE FUNCTION strict(template text, VARIADIC args text[]) RETURNS text LANGUAGE plpgsql AS $$
BEGIN
  IF err() = ANY (args) THEN RETURN err(); END IF;
  IF missing() = ANY (args) THEN RETURN missing(); END IF;
  IF array_position(args, NULL) IS NOT NULL THEN RETURN NULL; END IF;
  RETURN apply(template, args);
END $$;

-- What gives a boolean takes what is missing as NULL.
CREATE FUNCTION compared(template text, VARIADIC args text[]) RETURNS text LANGUAGE plpgsql AS $$
BEGIN
  RETURN nullif(strict(template, VARIADIC args), missing());
END $$;

CREATE FUNCTION distinct_from(template text, a text, b text) RETURNS text LANGUAGE plpgsql AS $$
BEGIN
  IF a = err() OR b = err() THEN RETURN err(); END IF;
  a := nullif(a, missing());
  b := nullif(b, missing());
  IF a IS NULL OR b IS NULL THEN RETURN ((a IS NULL) <> (b IS NULL))::text; END IF;
  RETURN apply(template, ARRAY[a, b]);
END $$;

-- ---- logic and choice ----------------------------------------------------------------------------
CREATE FUNCTION junction(decides text, VARIADIC args text[]) RETURNS text LANGUAGE sql AS $$
  SELECT CASE WHEN decides = ANY (args) THEN decides
              WHEN err() = ANY (args) THEN err()
              WHEN missing() = ANY (args) THEN missing()
              WHEN array_position(args, NULL) IS NOT NULL THEN NULL
              ELSE (NOT decides::boolean)::text END $$;

CREATE FUNCTION in_list(template text, VARIADIC args text[]) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
  found text[] := '{}';
BEGIN
  FOR i IN 2 .. array_length(args, 1) LOOP
    found := found || compared(template, args[1], args[i]);
  END LOOP;
  RETURN junction('true', VARIADIC found);
END $$;

CREATE FUNCTION is_null(a text) RETURNS text LANGUAGE sql AS $$
  SELECT CASE WHEN a = err() THEN err() ELSE (a IS NULL OR a = missing())::text END $$;

CREATE FUNCTION is_truth(a text, wanted text) RETURNS text LANGUAGE sql AS $$
  SELECT CASE WHEN a = err() THEN err() ELSE coalesce(a = wanted, false)::text END $$;

CREATE FUNCTION case_when(VARIADIC args text[]) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
  i int := 1;
BEGIN
  WHILE i < array_length(args, 1) LOOP
    IF args[i] = err() THEN RETURN err(); END IF;
    IF args[i] = 'true' THEN RETURN args[i + 1]; END IF;
    i := i + 2;
  END LOOP;
  RETURN args[i];
END $$;

CREATE FUNCTION first_value(VARIADIC args text[]) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
  one text;
BEGIN
  FOREACH one IN ARRAY args LOOP
    IF one <> missing() THEN RETURN one; END IF;
  END LOOP;
  RETURN NULL;
END $$;

CREATE FUNCTION null_if(template text, a text, b text) RETURNS text LANGUAGE plpgsql AS $$
BEGIN
  IF a = err() OR b = err() THEN RETURN err(); END IF;
  RETURN CASE WHEN compared(template, a, b) = 'true' THEN NULL ELSE a END;
END $$;

CREATE FUNCTION extreme(template text, VARIADIC args text[]) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
  best text;
  one text;
BEGIN
  IF err() = ANY (args) THEN RETURN err(); END IF;
  FOREACH one IN ARRAY args LOOP
    IF one <> missing() AND (best IS NULL OR apply(template, ARRAY[one, best]) = 'true') THEN
      best := one;
    END IF;
  END LOOP;
  RETURN best;
END $$;

-- ---- values --------------------------------------------------------------------------------------
-- A number within the bounds of expressions, or an error.
CREATE FUNCTION fit(x numeric) RETURNS text LANGUAGE plpgsql IMMUTABLE AS $$
BEGIN
  IF abs(x) >= 1e144 OR x <> trunc(x, 144) THEN RAISE 'range'; END IF;
  RETURN trim_scale(x)::text;
END $$;

CREATE FUNCTION strict_number(t text) RETURNS numeric LANGUAGE plpgsql IMMUTABLE AS $$
BEGIN
  IF t !~ '^-?(0|[1-9][0-9]*)(\.[0-9]+)?([eE][+-]?[0-9]+)?$' THEN RAISE 'not a number'; END IF;
  -- Zeros of any exponent are 0; PostgreSQL has no exponents of ten digits.
  IF t ~ '^-?0(\.0+)?([eE].*)?$' THEN RETURN 0; END IF;
  RETURN t::numeric;
END $$;

CREATE FUNCTION limited(x numeric, p int, s int) RETURNS numeric LANGUAGE plpgsql IMMUTABLE AS $$
BEGIN
  IF x <> trunc(x, s) OR abs(x) >= ('1e' || (p - s))::numeric THEN RAISE 'digits'; END IF;
  RETURN x;
END $$;

-- a / b at s digits, exact, half away from zero: round(a / b, s) would round twice.
CREATE FUNCTION round_quotient(a numeric, b numeric, s int) RETURNS numeric
LANGUAGE sql IMMUTABLE AS $$
  SELECT sign(a) * sign(b) * div(2 * abs(a) * ('1e' || s)::numeric + abs(b), 2 * abs(b))
         * ('1e-' || s)::numeric $$;
-- The same, towards zero.
CREATE FUNCTION cut_quotient(a numeric, b numeric, s int) RETURNS numeric
LANGUAGE sql IMMUTABLE AS $$ SELECT div(a * ('1e' || s)::numeric, b) * ('1e-' || s)::numeric $$;


CREATE FUNCTION number_text(x numeric) RETURNS text LANGUAGE sql IMMUTABLE AS
  $$ SELECT trim_scale(x)::text $$;

-- A quotient that nothing has rounded yet is two numbers with a stroke between them, top/bottom.
CREATE FUNCTION top(a text) RETURNS numeric LANGUAGE sql IMMUTABLE AS
  $$ SELECT split_part(a, '/', 1)::numeric $$;
CREATE FUNCTION bottom(a text) RETURNS numeric LANGUAGE sql IMMUTABLE AS
  $$ SELECT coalesce(nullif(split_part(a, '/', 2), '')::numeric, 1) $$;
CREATE FUNCTION ratio(a numeric, b numeric) RETURNS text LANGUAGE sql IMMUTABLE AS
  $$ SELECT fit(a) || '/' || fit(b) $$;
CREATE FUNCTION divided(a text, b text) RETURNS text LANGUAGE plpgsql IMMUTABLE AS $$
BEGIN
  IF top(b) = 0 THEN RAISE 'division by zero'; END IF;
  RETURN ratio(top(a) * bottom(b), bottom(a) * top(b));
END $$;
CREATE FUNCTION times(a text, b text) RETURNS text LANGUAGE sql IMMUTABLE AS
  $$ SELECT ratio(top(a) * top(b), bottom(a) * bottom(b)) $$;
CREATE FUNCTION plus(a text, b text) RETURNS text LANGUAGE sql IMMUTABLE AS $$
  SELECT ratio(fit(top(a) * bottom(b))::numeric + fit(top(b) * bottom(a))::numeric,
               bottom(a) * bottom(b)) $$;
CREATE FUNCTION minus(a text) RETURNS text LANGUAGE sql IMMUTABLE AS
  $$ SELECT ratio(-top(a), bottom(a)) $$;
CREATE FUNCTION without_sign(a text) RETURNS text LANGUAGE sql IMMUTABLE AS
  $$ SELECT CASE WHEN sign(top(a)) * sign(bottom(a)) < 0 THEN minus(a) ELSE a END $$;
-- The next integer below.
CREATE FUNCTION floor_quotient(a numeric, b numeric) RETURNS numeric LANGUAGE sql IMMUTABLE AS $$
  SELECT div(a, b) - CASE WHEN a % b <> 0 AND sign(a) * sign(b) < 0 THEN 1 ELSE 0 END $$;

-- The root of a / b at s digits, exact, half up; sqrt() has as many digits as it thinks fit.
CREATE FUNCTION round_root(a numeric, b numeric, s int) RETURNS numeric
LANGUAGE plpgsql IMMUTABLE AS $$
DECLARE
  square numeric := div(4 * a * ('1e' || 2 * s)::numeric, b);
  root numeric := trunc(sqrt(square));
BEGIN
  WHILE root * root > square LOOP root := root - 1; END LOOP;
  WHILE (root + 1) * (root + 1) <= square LOOP root := root + 1; END LOOP;
  RETURN div(root + 1, 2) * ('1e-' || s)::numeric;
END $$;

CREATE FUNCTION instant(ms text) RETURNS timestamptz LANGUAGE sql IMMUTABLE AS $$
  SELECT timestamptz '1970-01-01 00:00:00+00' + (ms::bigint / 86400000) * interval '1 day'
         + (ms::bigint % 86400000) * interval '1 millisecond' $$;
CREATE FUNCTION clock(ms text) RETURNS timestamp LANGUAGE sql IMMUTABLE AS $$
  SELECT timestamp '1970-01-01 00:00:00' + (ms::bigint / 86400000) * interval '1 day'
         + (ms::bigint % 86400000) * interval '1 millisecond' $$;
CREATE FUNCTION ms(t timestamptz) RETURNS text LANGUAGE sql IMMUTABLE AS $$
  SELECT floor(extract(epoch FROM t) * 1000)::bigint::text $$;
CREATE FUNCTION ms(t timestamp) RETURNS text LANGUAGE sql IMMUTABLE AS $$
  SELECT floor(extract(epoch FROM t) * 1000)::bigint::text $$;
CREATE FUNCTION in_years(ms numeric) RETURNS text LANGUAGE plpgsql IMMUTABLE AS $$
BEGIN
  IF ms < 0 OR ms > 253402300799999 THEN RAISE 'range'; END IF;
  RETURN ms::bigint::text;
END $$;

-- ISO 8601 with an offset. PostgreSQL rounds to microseconds; what is finer than ours is cut first.
CREATE FUNCTION strict_time(t text) RETURNS text LANGUAGE plpgsql AS $$
BEGIN
  IF t !~ ('^[0-9]{4}-[0-9]{2}-[0-9]{2}[T ]([01][0-9]|2[0-3]):[0-5][0-9](:[0-5][0-9](\.[0-9]+)?)?'
           || '(Z|[+-](0[0-9]|1[0-5])(:?[0-5][0-9])?)$') THEN RAISE 'not a time'; END IF;
  RETURN in_years(ms(regexp_replace(t, '(\.[0-9]{3})[0-9]+', '\1')::timestamptz)::numeric);
END $$;

-- The first instant at which the clocks of a zone show `start` or later: the first of two midnights,
-- where AT TIME ZONE takes the second.
CREATE FUNCTION first_instant(start timestamp, zone text) RETURNS timestamptz LANGUAGE plpgsql AS $$
DECLARE
  found timestamptz := start AT TIME ZONE zone;
  before timestamptz := found - interval '3 hours';
  earlier timestamptz;
BEGIN
  earlier := found - ((before AT TIME ZONE zone - before AT TIME ZONE 'UTC')
                      - (found AT TIME ZONE zone - found AT TIME ZONE 'UTC'));
  RETURN CASE WHEN earlier < found AND earlier AT TIME ZONE zone >= start
              THEN earlier ELSE found END;
END $$;

-- The beginning of a unit in a zone; of a day, and of what is made of days, its first instant.
CREATE FUNCTION begins(unit text, ms text, zone text) RETURNS text LANGUAGE plpgsql AS $$
BEGIN
  IF unit IN ('second', 'minute', 'hour') THEN
    RETURN ms(date_trunc(unit, instant(ms), zone));
  END IF;
  RETURN ms(first_instant(date_trunc(unit, instant(ms) AT TIME ZONE zone), zone));
END $$;

-- ---- event time ---------------------------------------------------------------------------------
-- The time of a record in milliseconds, NULL where it is bad: by an error, missing, NULL, or too far
-- beyond its timestamp in Kafka. `max_ahead` NULL: no bound.
CREATE FUNCTION event_time(a text, kafka_timestamp bigint, max_ahead bigint) RETURNS bigint
LANGUAGE sql IMMUTABLE AS $$
  SELECT CASE WHEN a IS NULL OR a IN (err(), missing()) THEN NULL
              WHEN max_ahead IS NULL OR a::bigint - kafka_timestamp <= max_ahead THEN a::bigint
         END $$;

-- Start and end of the window that `t` lies in, of one length: one of them begins at `origin`, which
-- is not after `t`. (Before its origin date_bin() was wrong in PostgreSQL up to 15.6 and 16.2.)
CREATE FUNCTION fixed_window(size bigint, origin bigint, t bigint) RETURNS bigint[]
LANGUAGE sql IMMUTABLE AS $$
  SELECT ARRAY[start, start + size]
  FROM (SELECT ms(date_bin((size || ' milliseconds')::interval, instant(t::text),
                           instant(origin::text)))::bigint AS start) one $$;

-- The same of a calendar's unit, a day or longer. A window begins with its first instant and ends
-- where the next one begins. Where a local date comes back, `t` may have the date of a window that
-- has ended: it lies in the last one that has begun.
CREATE FUNCTION calendar_window(unit text, zone text, t bigint) RETURNS bigint[]
LANGUAGE plpgsql AS $$
DECLARE
  length interval := CASE unit WHEN 'quarter' THEN '3 months' ELSE '1 ' || unit END;
  start timestamp := date_trunc(unit, instant(t::text) AT TIME ZONE zone);
  opens timestamptz := first_instant(start, zone);
  closes timestamptz;
BEGIN
  LOOP
    start := start + length;
    closes := first_instant(start, zone);
    EXIT WHEN instant(t::text) < closes;
    opens := closes;
  END LOOP;
  RETURN ARRAY[ms(opens), ms(closes)]::bigint[];
END $$;

-- ---- records ------------------------------------------------------------------------------------
-- A value as it stands in the export, of the type that the statement wants of it. `kind` is what
-- stands there: absent, null, string, number, boolean, object, array; nul_text, a text with U+0000;
-- repeated, more than one; encoding, bytes that are no UTF-8.
CREATE FUNCTION field(wanted text, kind text, value text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
  any_type boolean := wanted = 'scalar';
BEGIN
  IF kind IN ('absent', 'null') THEN RETURN missing(); END IF;
  IF kind = 'number' AND (any_type OR wanted = 'numeric') THEN
    value := strict('fit(strict_number($1[1]))', value);
  ELSIF NOT (kind = 'string' AND (any_type OR wanted = 'text')
             OR kind = 'boolean' AND (any_type OR wanted = 'boolean')) THEN
    RETURN err();
  END IF;
  RETURN CASE WHEN any_type AND value <> err() THEN left(kind, 1) ELSE '' END || value;
END $$;
-- Whether it IS NULL can be said of a number that is too large to be reckoned with.
CREATE FUNCTION present(kind text) RETURNS text LANGUAGE sql IMMUTABLE AS $$
  SELECT CASE WHEN kind IN ('absent', 'null') THEN missing()
              WHEN kind IN ('string', 'number', 'boolean') THEN 'true' ELSE err() END $$;
CREATE FUNCTION kafka_time(ms bigint) RETURNS text LANGUAGE sql IMMUTABLE AS $$
  SELECT CASE WHEN ms IS NULL OR ms < 0 THEN missing()
              WHEN ms > 253402300799999 THEN err() ELSE ms::text END $$;

CREATE FUNCTION scalar_number(a text) RETURNS text LANGUAGE sql AS $$
  SELECT CASE WHEN a IS NULL OR a IN (err(), missing()) THEN a
              WHEN left(a, 1) = 'n' THEN substr(a, 2)
              WHEN left(a, 1) = 's' THEN strict('fit(strict_number($1[1]))', substr(a, 2))
              ELSE err() END $$;
CREATE FUNCTION scalar_text(a text) RETURNS text LANGUAGE sql IMMUTABLE AS $$
  SELECT CASE WHEN a IS NULL OR a IN (err(), missing()) THEN a ELSE substr(a, 2) END $$;
CREATE FUNCTION scalar_json(a text) RETURNS jsonb LANGUAGE sql IMMUTABLE AS $$
  SELECT CASE left(a, 1) WHEN 'n' THEN to_jsonb(substr(a, 2)::numeric)
                         WHEN 'b' THEN to_jsonb(substr(a, 2)::boolean)
                         ELSE to_jsonb(substr(a, 2)) END $$;

-- ---- what a key or an aggregate takes --------------------------------------------------------------
-- A number at the job's digits, in 128 bits.
CREATE FUNCTION kept_number(x numeric, digits int) RETURNS text LANGUAGE plpgsql IMMUTABLE AS $$
DECLARE
  units numeric := x * ('1e' || digits)::numeric;
BEGIN
  IF units <> trunc(units) OR units < -170141183460469231731687303715884105728
     OR units > 170141183460469231731687303715884105727 THEN RAISE 'range'; END IF;
  RETURN number_text(x);
END $$;
-- A text has 1,024 bytes at most.
CREATE FUNCTION kept(type text, digits int, a text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
  tag text := '';
BEGIN
  IF a IS NULL OR a IN (err(), missing()) THEN RETURN a; END IF;
  IF type = 'scalar' THEN
    tag := left(a, 1);
    a := substr(a, 2);
    type := CASE tag WHEN 'n' THEN 'numeric' WHEN 's' THEN 'text' ELSE 'boolean' END;
  END IF;
  IF type = 'text' AND octet_length(a) > 1024 THEN RETURN err(); END IF;
  IF type = 'numeric' THEN
    a := strict(format('kept_number($1[1]::numeric, %s)', digits), a);
    IF a = err() THEN RETURN a; END IF;
  END IF;
  RETURN tag || a;
END $$;
CREATE FUNCTION is_bad(a text) RETURNS boolean LANGUAGE sql IMMUTABLE AS
  $$ SELECT coalesce(a IN (err(), missing()), false) $$;
-- What count(x) counts.
CREATE FUNCTION counted(a text) RETURNS text LANGUAGE sql IMMUTABLE AS $$
  SELECT CASE WHEN a = err() THEN a WHEN a IS NULL OR a = missing() THEN NULL ELSE 'true' END $$;
-- FILTER: what the aggregate takes of a record, NULL for nothing.
CREATE FUNCTION filtered(condition text, a text) RETURNS text LANGUAGE sql IMMUTABLE AS $$
  SELECT CASE WHEN condition = err() THEN condition WHEN condition = 'true' THEN a END $$;
