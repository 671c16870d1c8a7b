-- Payments of each hour by payment method, once, when the hour is closed in all partitions.
INSERT INTO hourly_by_method
SELECT metodo_pagamento, window_start AS de, window_end AS ate, count(*) AS n,
       round(avg(valor), 2) AS media, max(valor) AS maior
FROM tumble(financial_transactions, to_timestamp(hora_transacao), INTERVAL '1 hour',
            grace => INTERVAL '5 minutes', emit => 'final', idle => 'never')
WHERE status = 'approved'
GROUP BY metodo_pagamento, window_start;
