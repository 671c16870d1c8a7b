-- A nested field: how many payments, and how much, by the brand of the card, in small letters.
-- Payments without a card are left out, not set aside.
INSERT INTO card_brand
SELECT lower(pagamento.cartao.bandeira) AS bandeira, count(*) AS n, sum(valor) AS total
FROM financial_transactions
WHERE pagamento.cartao.bandeira IS NOT NULL
GROUP BY lower(pagamento.cartao.bandeira);
