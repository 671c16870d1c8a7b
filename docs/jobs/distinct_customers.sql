-- How many distinct customers each seller has, exactly.
-- A customer who comes back is counted once.
INSERT INTO distinct_customers
SELECT id_vendedor, count(DISTINCT id_usuario) AS clientes
FROM financial_transactions
GROUP BY id_vendedor;
