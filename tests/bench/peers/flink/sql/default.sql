-- The connector decodes all fields of its table, whatever is selected: so it has no others.
CREATE TABLE ${source} (id_vendedor STRING, valor DECIMAL(29, 9)) WITH (${from source});

CREATE TABLE results (
  id_vendedor STRING, valor_total_por_vendedor DECIMAL(38, 9), numero_transacoes BIGINT,
  PRIMARY KEY (id_vendedor) NOT ENFORCED
) WITH (${to results});

INSERT INTO results
SELECT id_vendedor, sum(valor), count(*) FROM ${source} GROUP BY id_vendedor;
