-- A nested field: number and total of payments by card brand, in lower case.
-- Payments without a card are filtered; they are not bad records.
INSERT INTO card_brand
SELECT lower(pagamento.cartao.bandeira) AS bandeira, count(*) AS n, sum(valor) AS total
FROM financial_transactions
WHERE pagamento.cartao.bandeira IS NOT NULL
GROUP BY lower(pagamento.cartao.bandeira);
