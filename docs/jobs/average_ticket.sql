-- The average ticket of each seller to the cent, with the smallest and the largest sale.
-- The average is exact and rounded once, half away from zero.
INSERT INTO average_ticket
SELECT id_vendedor, count(*) AS n, round(avg(valor), 2) AS ticket_medio, min(valor) AS menor,
       max(valor) AS maior
FROM financial_transactions
GROUP BY id_vendedor;
