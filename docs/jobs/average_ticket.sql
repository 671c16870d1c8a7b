-- The average, smallest and largest sale of each seller.
-- The average is exact, and rounded once, half away from zero, to two decimal places.
INSERT INTO average_ticket
SELECT id_vendedor, count(*) AS n, round(avg(valor), 2) AS ticket_medio, min(valor) AS menor,
       max(valor) AS maior
FROM financial_transactions
GROUP BY id_vendedor;
