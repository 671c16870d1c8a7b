"""Jobs over `kstream produce` as it is: transactions."""

from __future__ import annotations

from collections import defaultdict
from decimal import Decimal

from .job import Job, Key, Row, Updates, average

# As `kstream bench --scenario statement` measures it.
STATEMENT = (
    "SELECT id_vendedor, count(*) AS n, sum(valor) AS total, min(valor) AS menor, "
    "max(valor) AS maior, round(avg(valor), 2) AS media FROM {source} "
    "WHERE moeda = 'BRL' AND metodo_pagamento IN ('pix', 'cartao') GROUP BY id_vendedor"
)


class Sales:
    """Those of one seller that a job takes."""

    def __init__(self) -> None:
        self.count = 0
        self.total = Decimal(0)
        self.least = Decimal("Infinity")
        self.greatest = Decimal("-Infinity")

    def add(self, amount: Decimal) -> None:
        self.count += 1
        self.total += amount
        self.least = min(self.least, amount)
        self.greatest = max(self.greatest, amount)


class Default(Updates):
    def __init__(self, _grace_s: int) -> None:
        self.sellers: dict[Key, Sales] = defaultdict(Sales)

    def key_of(self, record: dict) -> Key | None:
        return (record["id_vendedor"],)

    def take(self, key: Key, record: dict) -> None:
        self.sellers[key].add(record["valor"])

    def rows(self, _average_digits: int | None) -> dict[Key, Row]:
        return {key: (sales.total, sales.count) for key, sales in self.sellers.items()}


class Statement(Default):
    def key_of(self, record: dict) -> Key | None:
        taken = record["moeda"] == "BRL" and record["metodo_pagamento"] in ("pix", "cartao")
        return super().key_of(record) if taken else None

    def rows(self, average_digits: int | None) -> dict[Key, Row]:
        return {
            key: (sales.count, sales.total, sales.least, sales.greatest,
                  average(sales.total, sales.count, average_digits))
            for key, sales in self.sellers.items()
        }  # fmt: skip


JOBS = (
    Job(
        name="default",
        about="sum and count per seller",
        shape="transactions",
        records=20_000_000,
        key=("id_vendedor",),
        columns=("valor_total_por_vendedor", "numero_transacoes"),
        counted="numero_transacoes",
        recount=Default,
        kstream=lambda source, _: ["-t", source, "--group-by", "id_vendedor",
                                   "--sum", "valor=valor_total_por_vendedor",
                                   "--count", "numero_transacoes"],
        systems=("kstream", "franz-go", "flink", "kafka-streams", "spark"),
        flink=("default.sql",),
    ),
    Job(
        name="statement",
        about="WHERE on two fields, five aggregates per seller",
        shape="transactions",
        records=20_000_000,
        key=("id_vendedor",),
        columns=("n", "total", "menor", "maior", "media"),
        counted="n",
        recount=Statement,
        kstream=lambda source, _: ["--query", STATEMENT.format(source=source)],
        systems=("kstream", "flink"),
        averages=True,
        statement=lambda source: STATEMENT.format(source=source),
        flink=("statement.sql",),
    ),
)  # fmt: skip
