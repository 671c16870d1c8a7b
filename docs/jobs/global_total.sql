-- One row for everything: without GROUP BY the key of the result is [].
-- The row appears with the first record that is aggregated.
INSERT INTO global_total
SELECT count(*) AS n, sum(valor) AS total, round(stddev_samp(valor), 2) AS desvio,
       max(kafka_timestamp) AS ultimo
FROM financial_transactions;
