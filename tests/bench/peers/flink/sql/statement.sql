-- The amounts have cents. As a DECIMAL of up to 18 digits they are compared as longs.
CREATE TABLE ${source} (
  id_vendedor STRING, valor DECIMAL(18, 2), metodo_pagamento STRING, moeda STRING
) WITH (${from source});

CREATE TABLE results (
  id_vendedor STRING, n BIGINT, total DECIMAL(38, 2), menor DECIMAL(18, 2), maior DECIMAL(18, 2),
  media DECIMAL(38, 2),
  PRIMARY KEY (id_vendedor) NOT ENFORCED
) WITH (${to results});

INSERT INTO results ${statement};
