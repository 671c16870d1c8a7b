-- Median and 99th percentile of each seller's amounts.
-- percentile_disc returns one of the values: nothing is interpolated.
INSERT INTO percentiles
SELECT id_vendedor, percentile_disc(0.5) WITHIN GROUP (ORDER BY valor::numeric) AS p50,
       percentile_disc(0.99) WITHIN GROUP (ORDER BY valor::numeric) AS p99
FROM financial_transactions
GROUP BY id_vendedor;
