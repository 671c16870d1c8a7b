-- Only sellers above a limit. When a seller falls below it again, for example after a refund, a
-- tombstone deletes the row.
INSERT INTO top_sellers
SELECT id_vendedor, sum(valor) AS total, count(*) AS n
FROM financial_transactions
GROUP BY id_vendedor
HAVING sum(valor) > 1000;
