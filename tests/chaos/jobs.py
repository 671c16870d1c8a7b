"""Statements that the applications of a run can have as their jobs, in place of the default one.
Each names its count as the default job does, for the reader; and has groups in every partition."""

from __future__ import annotations

STATEMENTS = (
    # Sets, multisets, and a group that passes and stops: tombstones all the time.
    """
SELECT id_vendedor, count(*) AS numero_transacoes, count(DISTINCT id_usuario) AS clientes,
       percentile_disc(0.9) WITHIN GROUP (ORDER BY valor) AS p90, sum(valor) AS total
FROM "{source}"
WHERE metodo_pagamento <> 'dinheiro' AND valor > 20
GROUP BY id_vendedor
HAVING count(*) % 3 <> 0
""",
    # Texts beside numbers, a condition of one column's own, variance.
    """
SELECT id_vendedor, moeda, count(*) AS numero_transacoes, min(id_transacao::text) AS primeira,
       max(id_transacao::text) AS ultima, round(avg(valor), 2) AS media,
       round(stddev_samp(valor), 4) AS desvio, max(kafka_timestamp) AS quando,
       sum(valor) FILTER (WHERE metodo_pagamento = 'pix') AS pix
FROM "{source}"
GROUP BY id_vendedor, moeda
""",
)
