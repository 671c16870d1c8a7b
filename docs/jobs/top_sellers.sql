-- Sellers above a limit only. One that falls below it again, as after a refund, is deleted from
-- the results.
INSERT INTO top_sellers
SELECT id_vendedor, sum(valor) AS total, count(*) AS n
FROM financial_transactions
GROUP BY id_vendedor
HAVING sum(valor) > 1000;
