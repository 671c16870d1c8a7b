-- How many distinct customers each seller has on each day of São Paulo, exactly, once the day and
-- two hours more are over. What is kept of a day to count them goes with its result.
INSERT INTO distinct_customers_by_day
SELECT id_vendedor, window_start AS dia, count(DISTINCT id_usuario) AS clientes
FROM tumble(financial_transactions, to_timestamp(hora_transacao), 'day', 'America/Sao_Paulo',
            grace => INTERVAL '2 hours', emit => 'final', idle => 'never')
GROUP BY id_vendedor, window_start;
