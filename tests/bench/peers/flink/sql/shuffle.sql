-- docs/shapes/shuffle.sql.
CREATE TABLE ${source} (id BIGINT, selector INT, `value` BIGINT, ts BIGINT)
WITH (${from source});

CREATE TABLE results (
  id BIGINT, records BIGINT, total BIGINT, `first` TIMESTAMP_LTZ(3), `last` TIMESTAMP_LTZ(3),
  PRIMARY KEY (id) NOT ENFORCED
) WITH (${to results});

INSERT INTO results
SELECT id, count(*), sum(`value`), TO_TIMESTAMP_LTZ(min(ts), 3), TO_TIMESTAMP_LTZ(max(ts), 3)
FROM ${source}
WHERE selector < 20
GROUP BY id;
