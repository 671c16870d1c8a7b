-- The default job, which `kstream aggregate` runs without options: total and number of transactions of
-- each seller. Written as a statement it is the same job, byte for byte.
SELECT id_vendedor, sum(valor) AS valor_total_por_vendedor, count(*) AS numero_transacoes
FROM financial_transactions
GROUP BY id_vendedor;
