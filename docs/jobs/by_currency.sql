-- One row for each seller, one column for each currency: each aggregate has a FILTER of its own.
-- A seller without sales in a currency has NULL in its column.
INSERT INTO by_currency
SELECT id_vendedor, sum(valor) FILTER (WHERE moeda = 'BRL') AS brl,
       sum(valor) FILTER (WHERE moeda = 'USD') AS usd,
       sum(valor) FILTER (WHERE moeda = 'EUR') AS eur,
       count(*) FILTER (WHERE moeda NOT IN ('BRL', 'USD', 'EUR')) AS outras
FROM financial_transactions
GROUP BY id_vendedor;
