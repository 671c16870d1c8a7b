-- Amounts that some producers write as texts: "12.50" and 12.50 are the same amount.
-- A text that is not a number ("12,50") makes the record bad, and it is set aside.
INSERT INTO string_amounts
SELECT id_vendedor, sum(valor::numeric) AS total, count(*) AS n
FROM financial_transactions
GROUP BY id_vendedor;
