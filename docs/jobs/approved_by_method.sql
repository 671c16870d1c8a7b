-- Approved payments for each payment method: how many, and how much. A record without a status is not
-- approved: WHERE is not true of it, and it is counted as filtered.
INSERT INTO approved_by_method
SELECT metodo_pagamento, count(*) AS n, sum(valor) AS total
FROM financial_transactions
WHERE status = 'approved'
GROUP BY metodo_pagamento;
