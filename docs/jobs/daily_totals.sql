-- Total and number of sales of each seller and day of São Paulo. A day takes records until one hour
-- after its end, by the newest record in front of them in their partition; later ones are kept in
-- the late topic. docs/WINDOWS.md says more.
INSERT INTO daily_totals
SELECT id_vendedor, window_start AS dia, count(*) AS vendas, sum(valor) AS total
FROM tumble(financial_transactions, to_timestamp(hora_transacao), 'day', 'America/Sao_Paulo',
            grace => INTERVAL '1 hour')
GROUP BY id_vendedor, window_start;
