// What of a job stands in its script for PostgreSQL. That PostgreSQL computes the same from it is
// seen by tests/oracle/statements.py.
#include "kstream/job/postgres.hpp"

#include "kstream/job/parse.hpp"

#include <catch2/catch_test_macros.hpp>

#include <optional>
#include <string>
#include <string_view>

namespace kstream::job {
namespace {

Statement statement(std::string_view text) {
    ParseOptions options;
    options.zones = [](std::string_view name) { return std::optional{name.size()}; };
    auto parsed = parse(text, options);
    INFO((parsed ? std::string{} : show(parsed.error().front(), text, "job.sql")));
    REQUIRE(parsed.has_value());
    return *std::move(parsed);
}

// The script from its first line about records on.
std::string script(std::string_view text) {
    const std::string all = to_postgres(statement(text), "x.tsv");
    return all.substr(all.find("-- ==== The export"));
}

}  // namespace

TEST_CASE("golden: the script of a job whose days are published once", "[job][golden]") {
    CHECK(script("SELECT k, window_start, window_end AS e, sum(v) AS s "
                 "FROM tumble(t, at::timestamptz, 'day', 'America/St_Johns', "
                 "grace => INTERVAL '2 hours', emit => 'final', idle => 'never') "
                 "WHERE v > 0 GROUP BY k, window_start") ==
          R"sql(-- ==== The export: one row for each record that has a value ====
-- bad_record: why the value is no JSON object; else NULL.
CREATE TABLE records (
  kafka_partition int,
  kafka_offset bigint,
  kafka_timestamp bigint,
  bad_record text,
  f1_kind text,
  f1 text,
  f2_kind text,
  f2 text,
  f3_kind text,
  f3 text);
--   f1 is at
--   f2 is k
--   f3 is v
\copy records FROM 'x.tsv'
-- Partitions in which nothing came, moved on in event time by the job: up to which
-- position, and to when. They are part of what the log says, and of no record.
CREATE TABLE advances AS
SELECT kafka_partition, kafka_offset, kafka_timestamp AS event_time
FROM records WHERE bad_record = 'advance';
CREATE INDEX ON advances (kafka_partition, kafka_offset);
DELETE FROM records WHERE bad_record = 'advance';

-- ==== What becomes of each record ====
-- v: fields, k: keys, i: inputs of aggregates. WHERE comes first, then the keys, then
-- FILTER and the input of each aggregate.
-- Before all of them comes event_time: a record without a good one is bad.
-- watermark: the newest event_time in front of the record in its partition, of all
-- records, filtered and bad ones too, and of advances. A record is late when its
-- window had ended by then, the grace included. Times are in milliseconds since
-- 1970.
CREATE TABLE judged AS
WITH read AS MATERIALIZED (
  SELECT kafka_partition,
         kafka_offset,
         kafka_timestamp,
         bad_record,
         f1_kind,
         field('text', f1_kind, f1) AS v1,
         f2_kind,
         field('scalar', f2_kind, f2) AS v2,
         f3_kind,
         field('numeric', f3_kind, f3) AS v3
  FROM records),
dated AS MATERIALIZED (
  SELECT *,
         CASE WHEN bad_record IS NULL
              THEN event_time(strict('strict_time($1[1])', v1), kafka_timestamp, 3600000)
         END AS event_time
  FROM read),
timed AS MATERIALIZED (
  SELECT *,
         greatest(
           max(event_time) OVER (PARTITION BY kafka_partition ORDER BY kafka_offset
                                 ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING),
           (SELECT a.event_time FROM advances a
            WHERE a.kafka_partition = dated.kafka_partition
              AND a.kafka_offset <= dated.kafka_offset
            ORDER BY a.kafka_offset DESC, a.event_time DESC LIMIT 1)) AS watermark,
         CASE WHEN event_time IS NOT NULL
              THEN calendar_window('day', 'America/St_Johns', event_time)
         END AS time_window
  FROM dated),
passed AS MATERIALIZED (
  SELECT *, compared('$1[1]::numeric > $1[2]::numeric', v3, '0') AS passes
  FROM timed),
computed AS MATERIALIZED (
  SELECT kafka_partition,
         kafka_offset,
         bad_record,
         passes,
         event_time,
         watermark,
         time_window,
         CASE WHEN passes = 'true' THEN kept('scalar', 9, v2) END AS k1,
         CASE WHEN passes = 'true' THEN kept('numeric', 9, v3) END AS i1
  FROM passed)
SELECT CASE WHEN bad_record IS NOT NULL THEN 'bad'
            WHEN event_time IS NULL THEN 'bad'
            WHEN passes = err() THEN 'bad'
            WHEN passes IS DISTINCT FROM 'true' THEN 'filtered'
            WHEN k1 IS NULL OR is_bad(k1) THEN 'bad'
            WHEN is_bad(i1) THEN 'bad'
            WHEN time_window[2] + 7200000 <= watermark THEN 'late'
            ELSE 'aggregated' END AS verdict,
       kafka_partition,
       kafka_offset,
       event_time,
       watermark,
       time_window[1] AS window_start,
       time_window[2] AS window_end,
       k1,
       i1
FROM computed;

-- ==== How far all partitions have come: later windows are not closed yet ====
-- Nothing is closed while a partition has no time. One that nothing ever came in has
-- a row among the advances, without a time.
CREATE TABLE reached AS
SELECT CASE WHEN count(*) = count(newest) THEN min(newest) END AS watermark
FROM (SELECT max(event_time) AS newest
      FROM (SELECT kafka_partition, event_time FROM judged
            UNION ALL SELECT kafka_partition, event_time FROM advances) of_all
      GROUP BY kafka_partition) of_partitions;

-- ==== Groups, a: aggregates ====
CREATE TABLE grouped AS
SELECT k1,
       window_start::text,
       window_end::text,
       number_text(sum(i1::numeric)) AS a1
FROM judged
WHERE verdict = 'aggregated'
  AND window_end + 7200000 <= (SELECT watermark FROM reached)
GROUP BY k1, window_start, window_end;

-- ==== Columns; one that is out of bounds is NULL ====
CREATE TABLE finished AS
SELECT k1,
       window_start,
       nullif(k1, err()) AS c1,
       nullif(window_start, err()) AS c2,
       nullif(window_end, err()) AS c3,
       nullif(a1, err()) AS c4
FROM grouped;

-- ==== How many records were used, filtered by WHERE, late, and bad ====
SELECT verdict, count(*) FROM judged GROUP BY verdict ORDER BY verdict;

-- ==== The results ====
SELECT scalar_json(c1) AS "k",
       instant(c2) AS "window_start",
       instant(c3) AS "e",
       c4::numeric AS "s"
FROM finished
ORDER BY k1 COLLATE "C", window_start::bigint;
)sql");
}

TEST_CASE("golden: the script of a job of quarter hours, and of one without windows",
          "[job][golden]") {
    // An origin is a start of 1970; in the script it is the last one before.
    const std::string quarters = script(
        "SELECT count(*) AS n FROM tumble(t, kafka_timestamp, INTERVAL '15 minutes', origin => "
        "TIMESTAMPTZ '2000-01-01T00:05:00Z', grace => INTERVAL '0 seconds', max_ahead => 'never') "
        "GROUP BY window_end HAVING count(*) > 1");
    CHECK(quarters == R"sql(-- ==== The export: one row for each record that has a value ====
-- bad_record: why the value is no JSON object; else NULL.
CREATE TABLE records (
  kafka_partition int,
  kafka_offset bigint,
  kafka_timestamp bigint,
  bad_record text);
\copy records FROM 'x.tsv'
-- Partitions in which nothing came, moved on in event time by the job: up to which
-- position, and to when. They are part of what the log says, and of no record.
CREATE TABLE advances AS
SELECT kafka_partition, kafka_offset, kafka_timestamp AS event_time
FROM records WHERE bad_record = 'advance';
CREATE INDEX ON advances (kafka_partition, kafka_offset);
DELETE FROM records WHERE bad_record = 'advance';

-- ==== What becomes of each record ====
-- v: fields, k: keys, i: inputs of aggregates. WHERE comes first, then the keys, then
-- FILTER and the input of each aggregate.
-- Before all of them comes event_time: a record without a good one is bad.
-- watermark: the newest event_time in front of the record in its partition, of all
-- records, filtered and bad ones too, and of advances. A record is late when its
-- window had ended by then, the grace included. Times are in milliseconds since
-- 1970.
CREATE TABLE judged AS
WITH read AS MATERIALIZED (
  SELECT kafka_partition,
         kafka_offset,
         kafka_timestamp,
         bad_record,
         kafka_time(kafka_timestamp) AS v1
  FROM records),
dated AS MATERIALIZED (
  SELECT *,
         CASE WHEN bad_record IS NULL
              THEN event_time(v1, kafka_timestamp, NULL)
         END AS event_time
  FROM read),
timed AS MATERIALIZED (
  SELECT *,
         greatest(
           max(event_time) OVER (PARTITION BY kafka_partition ORDER BY kafka_offset
                                 ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING),
           (SELECT a.event_time FROM advances a
            WHERE a.kafka_partition = dated.kafka_partition
              AND a.kafka_offset <= dated.kafka_offset
            ORDER BY a.kafka_offset DESC, a.event_time DESC LIMIT 1)) AS watermark,
         CASE WHEN event_time IS NOT NULL
              THEN fixed_window(900000, -600000, event_time)
         END AS time_window
  FROM dated),
passed AS MATERIALIZED (
  SELECT *, 'true' AS passes
  FROM timed),
computed AS MATERIALIZED (
  SELECT kafka_partition,
         kafka_offset,
         bad_record,
         passes,
         event_time,
         watermark,
         time_window,
         CASE WHEN passes = 'true' THEN 'true' END AS i1
  FROM passed)
SELECT CASE WHEN bad_record IS NOT NULL THEN 'bad'
            WHEN event_time IS NULL THEN 'bad'
            WHEN passes = err() THEN 'bad'
            WHEN passes IS DISTINCT FROM 'true' THEN 'filtered'
            WHEN is_bad(i1) THEN 'bad'
            WHEN time_window[2] + 0 <= watermark THEN 'late'
            ELSE 'aggregated' END AS verdict,
       kafka_partition,
       kafka_offset,
       event_time,
       watermark,
       time_window[1] AS window_start,
       time_window[2] AS window_end,
       i1
FROM computed;

-- ==== Groups, a: aggregates ====
CREATE TABLE grouped AS
SELECT window_start::text,
       window_end::text,
       count(i1)::text AS a1
FROM judged
WHERE verdict = 'aggregated'
GROUP BY window_start, window_end;

-- ==== Columns; one that is out of bounds is NULL ====
CREATE TABLE finished AS
SELECT window_start,
       nullif(a1, err()) AS c1
FROM grouped
WHERE compared('$1[1]::numeric > $1[2]::numeric', a1, '1') = 'true';

-- ==== How many records were used, filtered by WHERE, late, and bad ====
SELECT verdict, count(*) FROM judged GROUP BY verdict ORDER BY verdict;

-- ==== The results ====
SELECT c1::numeric AS "n"
FROM finished
ORDER BY window_start::bigint;
)sql");
    const std::string events = script(
        "SELECT count(*) AS n FROM events(t, at::timestamptz, max_ahead => INTERVAL '1 minute')");
    CHECK(events == R"sql(-- ==== The export: one row for each record that has a value ====
-- bad_record: why the value is no JSON object; else NULL.
CREATE TABLE records (
  kafka_partition int,
  kafka_offset bigint,
  kafka_timestamp bigint,
  bad_record text,
  f1_kind text,
  f1 text);
--   f1 is at
\copy records FROM 'x.tsv'

-- ==== What becomes of each record ====
-- v: fields, k: keys, i: inputs of aggregates. WHERE comes first, then the keys, then
-- FILTER and the input of each aggregate.
-- Before all of them comes event_time: a record without a good one is bad.
CREATE TABLE judged AS
WITH read AS MATERIALIZED (
  SELECT kafka_partition,
         kafka_offset,
         kafka_timestamp,
         bad_record,
         f1_kind,
         field('text', f1_kind, f1) AS v1
  FROM records),
timed AS MATERIALIZED (
  SELECT *,
         CASE WHEN bad_record IS NULL
              THEN event_time(strict('strict_time($1[1])', v1), kafka_timestamp, 60000)
         END AS event_time
  FROM read),
passed AS MATERIALIZED (
  SELECT *, 'true' AS passes
  FROM timed),
computed AS MATERIALIZED (
  SELECT kafka_partition,
         kafka_offset,
         bad_record,
         passes,
         event_time,
         CASE WHEN passes = 'true' THEN 'true' END AS i1
  FROM passed)
SELECT CASE WHEN bad_record IS NOT NULL THEN 'bad'
            WHEN event_time IS NULL THEN 'bad'
            WHEN passes = err() THEN 'bad'
            WHEN passes IS DISTINCT FROM 'true' THEN 'filtered'
            WHEN is_bad(i1) THEN 'bad'
            ELSE 'aggregated' END AS verdict,
       kafka_partition,
       kafka_offset,
       event_time,
       i1
FROM computed;

-- ==== Groups, a: aggregates ====
CREATE TABLE grouped AS
SELECT count(i1)::text AS a1
FROM judged
WHERE verdict = 'aggregated'
HAVING count(*) > 0;

-- ==== Columns; one that is out of bounds is NULL ====
CREATE TABLE finished AS
SELECT nullif(a1, err()) AS c1
FROM grouped;

-- ==== How many records were used, filtered by WHERE, and bad ====
SELECT verdict, count(*) FROM judged GROUP BY verdict ORDER BY verdict;

-- ==== The results ====
SELECT c1::numeric AS "n"
FROM finished;
)sql");
}

}  // namespace kstream::job
