-- Everything in one row, without GROUP BY; its key in the results is [].
-- The row comes with the first record that is used.
INSERT INTO global_total
SELECT count(*) AS n, sum(valor) AS total, round(stddev_samp(valor), 2) AS desvio,
       max(kafka_timestamp) AS ultimo
FROM financial_transactions;
