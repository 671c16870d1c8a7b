-- What ShuffleBench keeps for each id: records, the sum of a number, and the first and last time.
-- WHERE takes a fifth of the records.
INSERT INTO shuffled
SELECT id, count(*) AS records, sum(value) AS total,
       min(to_timestamp(ts * 0.001)) AS first, max(to_timestamp(ts * 0.001)) AS last
FROM shuffle
WHERE selector < 20
GROUP BY id;
