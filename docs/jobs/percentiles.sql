-- The amounts that half, and 99 of 100, of each seller's sales do not exceed.
-- percentile_disc gives a value that was there: nothing is interpolated.
INSERT INTO percentiles
SELECT id_vendedor, percentile_disc(0.5) WITHIN GROUP (ORDER BY valor::numeric) AS p50,
       percentile_disc(0.99) WITHIN GROUP (ORDER BY valor::numeric) AS p99
FROM financial_transactions
GROUP BY id_vendedor;
