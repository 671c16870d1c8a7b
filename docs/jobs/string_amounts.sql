-- Amounts that some producers write as texts: "12.50" is 12.50, and so is 12.50.
-- A text that is no number ("12,50") makes a bad record, which is set aside.
INSERT INTO string_amounts
SELECT id_vendedor, sum(valor::numeric) AS total, count(*) AS n
FROM financial_transactions
GROUP BY id_vendedor;
