-- What the contract of statements says (docs/RECORDS.md), over PostgreSQL's own functions. Every
-- value is a text: numbers without needless zeros, times in milliseconds, and three that are no
-- values: an error, what is missing, and NULL. So nothing raises, and no order of evaluation matters.
CREATE FUNCTION err() RETURNS text LANGUAGE sql IMMUTABLE AS $$ SELECT E'\x01' $$;
CREATE FUNCTION missing() RETURNS text LANGUAGE sql IMMUTABLE AS $$ SELECT E'\x02' $$;

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
CREATE FUNCTION cut_quotient(a numeric, b numeric, s int) RETURNS numeric
LANGUAGE sql IMMUTABLE AS $$ SELECT div(a * ('1e' || s)::numeric, b) * ('1e-' || s)::numeric $$;

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
