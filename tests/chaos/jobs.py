"""Statements that the applications of a run can have as their jobs, in place of the default one.
Each names its count as the default job does, for the reader; and has groups in every partition.

Event time goes at a thousand records for each of its seconds, however fast they come."""

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

# One of each kind, on one source. Windows end every few seconds of a run.
WINDOWS = (
    # Copies are left out, and partitions hold up nothing.
    """
SELECT id_vendedor, window_start AS de, count(*) AS numero_transacoes, sum(valor) AS total,
       max(valor) AS maior, count(DISTINCT id_usuario) AS clientes
FROM tumble("{source}", to_timestamp(hora_transacao), INTERVAL '10 seconds',
            grace => INTERVAL '20 seconds', idle => INTERVAL '2 seconds',
            unique_by => id_transacao, within => INTERVAL '1 minute')
GROUP BY id_vendedor, window_start
""",
    # One result of each window, of the panes of three.
    """
SELECT id_vendedor, window_start AS de, window_end AS ate, count(*) AS numero_transacoes,
       sum(valor) AS total, round(avg(valor), 2) AS media, min(id_transacao::text) AS primeira,
       count(DISTINCT id_usuario) AS clientes
FROM hop("{source}", to_timestamp(hora_transacao), INTERVAL '5 seconds', INTERVAL '15 seconds',
         grace => INTERVAL '5 seconds', emit => 'final', idle => INTERVAL '3 seconds',
         quiet => 'wall')
WHERE metodo_pagamento <> 'dinheiro'
GROUP BY id_vendedor, window_start
""",
    # Of each user, who has no more than about a record in a second.
    """
SELECT id_usuario, window_start AS de, window_end AS ate, count(*) AS numero_transacoes,
       sum(valor) AS total, percentile_disc(0.5) WITHIN GROUP (ORDER BY valor) AS mediana
FROM session("{source}", to_timestamp(hora_transacao), INTERVAL '1 second',
             grace => INTERVAL '5 seconds', idle => INTERVAL '2 seconds')
GROUP BY id_usuario, window_start
""",
)
# More than a hundred thousand windows end at each of its midnights, which are three minutes apart.
MIDNIGHT = (
    """
SELECT id_vendedor, window_start AS de, count(*) AS numero_transacoes, sum(valor) AS total
FROM tumble("{source}", to_timestamp(hora_transacao), INTERVAL '3 minutes',
            grace => INTERVAL '1 second', idle => INTERVAL '5 seconds')
GROUP BY id_vendedor, window_start
""",
)
