"""The jobs of docs/jobs, each through a real broker, against PostgreSQL.

The same statement three times: run by `kstream aggregate`, printed for PostgreSQL by `explain --as
postgres`, and the topic exported by `explain --export`. The rows have to be equal, and so has what
became of the records."""

from __future__ import annotations

import csv
import io
import json
import random
import re
import sys
import time
import unittest
from decimal import Decimal

from harness import cluster
from harness.case import IntegrationTest
from harness.cluster import ROOT
from harness.records import Wanted, write

sys.path.insert(0, str(ROOT / "tests" / "oracle"))
import postgres  # noqa: E402

PARALLEL = True
JOBS = ROOT / "docs" / "jobs"
PARTITIONS = 2
RUN = sorted(path.stem for path in JOBS.glob("*.sql"))


def transaction(r: random.Random) -> dict:
    """Like the seed's, and with what the jobs ask beside that."""
    amount = Decimal(r.randint(-5_000, 100_000)).scaleb(-2)
    record = {
        "id_transacao": f"{r.getrandbits(64):016x}",
        "id_usuario": f"user_{r.randint(1, 40)}",
        "id_vendedor": f"vendedor_{r.randint(1, 5)}",
        "valor": str(amount) if r.random() < 0.1 else amount,
        "moeda": r.choice(["BRL", "BRL", "USD", "EUR", "GBP"]),
        "metodo_pagamento": r.choice(["pix", "cart\u00e3o", "boleto"]),
        "status": r.choice(["approved", "approved", "denied"]),
    }
    if r.random() < 0.5:
        record["pagamento"] = {"cartao": {"bandeira": r.choice(["Visa", "VISA", "Elo", "\u00c9"])}}
    if r.random() < 0.05:
        record["valor"] = r.choice(["12,50", None, True, {}, Decimal("1e-12"), Decimal("1e60")])
    if r.random() < 0.05:
        del record[r.choice(["id_vendedor", "status", "moeda", "valor"])]
    return record


def encoded(r: random.Random, record: dict) -> bytes:
    marked = json.dumps(record, default=lambda value: f"<{value}>", ensure_ascii=r.random() < 0.5)
    value = marked.replace('"<', "").replace('>"', "").encode()
    if r.random() < 0.02:
        return r.choice([b"", b"{", value[:-1], b"[]", value + b"}", value.replace(b"{", b"{\xff")])
    if r.random() < 0.01:
        return b'{"id_vendedor":"vendedor_1",' + value[1:]  # twice
    return value


def wanted(r: random.Random) -> Wanted:
    if r.random() < 0.01:
        return Wanted(None, b"a tombstone")
    return Wanted(encoded(r, transaction(r)), r.choice([None, b"key"]))


def comparable(value: object) -> object:
    if isinstance(value, Decimal):
        return value.normalize() if value else Decimal(0)
    if isinstance(value, str) and re.fullmatch(r"\d{4}-\d\d-\d\d[T ][\d:.]+(Z|\+00)", value):
        moment = re.sub("(Z|\\+00)$", "", value.replace(" ", "T"))
        return re.sub(r"(\.\d*?)0+$", r"\1", moment).removesuffix(".")
    return value


def rows(lines: list[list[tuple[str, object]]]) -> list[str]:
    return sorted(repr([(name, comparable(value)) for name, value in line]) for line in lines)


@unittest.skipIf(postgres.programs() is None, "no PostgreSQL here (scripts/setup.sh installs it)")
class Jobs(IntegrationTest):
    def statement(self, name: str) -> str:
        """The file's, with the topics of this test."""
        text = (JOBS / f"{name}.sql").read_text(encoding="utf-8")
        text = re.sub(r"^INSERT INTO \w+\n", "", text, flags=re.M)
        self.assertIn("FROM financial_transactions", text)
        return text.replace("FROM financial_transactions", f'FROM "{self.source}"')

    def write_source(self, records: list[Wanted]) -> None:
        self.start("create-topics", *self.job, "--partitions", str(PARTITIONS)).expect(0)
        cluster.wait_until_known(self.topics())
        for partition in range(PARTITIONS):
            write(self.source, partition, records[partition::PARTITIONS])

    def against_postgres(self, statement: str, records: list[Wanted]) -> None:
        file = self.directory / "job.sql"
        file.write_text(statement, encoding="utf-8")
        self.job = [str(file), "--application-id", self.application,
                    "--output-topic", self.results]  # fmt: skip
        self.write_source(records)
        done = self.start("aggregate", *self.job, "--until", "end").expect(0, 90)
        counts = dict(re.findall(r" (\w+)=(\d+)", done.stderr.splitlines()[-1]))
        printed = self.start("results", *self.job, "--json").expect(0, 60).stdout
        ours = [json.loads(line, parse_float=Decimal, parse_int=Decimal,
                           object_pairs_hook=list) for line in printed.splitlines()]  # fmt: skip
        with postgres.Server() as server:
            export = self.directory / "records.tsv"
            self.start("explain", *self.job, "--export", str(export)).expect(0, 60)
            script = self.start("explain", *self.job, "--as", "postgres").expect(0).stdout
            (server.folder / "records.tsv").write_bytes(export.read_bytes())
            verdicts, theirs = self.run_script(server, script)
        self.assertEqual(rows(ours), rows(theirs))
        self.assertGreater(len(ours), 0)
        self.assertEqual(int(counts["records"]), len(records))
        self.assertEqual(verdicts.get("aggregated", 0), int(counts["aggregated"]))
        self.assertEqual(verdicts.get("filtered", 0), int(counts.get("filtered", 0)))
        self.assertEqual(verdicts.get("bad", 0), int(counts["set_aside"]))
        self.assertGreater(verdicts["bad"], 0)

    def run_script(
        self, server: postgres.Server, script: str
    ) -> tuple[dict[str, int], list[list[tuple[str, object]]]]:
        """As it is; what it prints is made JSON of."""
        before, select = script.rsplit("-- ==== The results ====\n", 1)
        answers = server.run(f"{before}\\echo ==\nSELECT row_to_json(r) FROM "
                             f"({select.rstrip().rstrip(';')}) r;\n\\pset format csv\n"
                             f"\\pset tuples_only off\n\\echo ==\n{select}")  # fmt: skip
        counts, found, table = answers.split("==\n")
        verdicts = {verdict: int(count) for verdict, count in
                    (line.split("|") for line in counts.splitlines())}  # fmt: skip
        made = [json.loads(line, parse_float=Decimal, parse_int=Decimal, object_pairs_hook=list)
                for line in found.splitlines()]  # fmt: skip
        # What a person sees has as many rows, under the same names.
        shown = list(csv.reader(io.StringIO(table)))
        self.assertEqual(len(shown), 1 + len(made))
        self.assertEqual(shown[0], [name for name, _ in made[0]])
        return verdicts, [[(name, self.in_utc(value)) for name, value in row] for row in made]

    @staticmethod
    def in_utc(value: object) -> object:
        return value.replace("+00:00", "Z") if isinstance(value, str) else value

    def test_what_kafka_says_of_a_record(self) -> None:
        r = random.Random(6)
        regions = [b"south", b"", "\u00e9\t\\".encode(), b"a\0b", b"\xff"]
        # Within any retention, or the broker deletes them under our eyes.
        first = int(time.time() * 1000) - 60_000
        records = [
            Wanted(b'{"v":%d}' % i, r.choice([None, b"", b"k", "\u20ac".encode(), b"\xfe"]),
                   first + 17 * i,
                   tuple((b"region", region) for region in r.choices(regions, k=r.randint(0, 2))))
            for i in range(400)
        ]  # fmt: skip
        self.against_postgres(
            "SELECT kafka_header('region') AS region, kafka_partition AS p, "
            "max(kafka_offset) AS last, count(kafka_key) AS keys, min(kafka_key) AS k, "
            "max(kafka_timestamp) AS t, sum(v) AS s "
            f'FROM "{self.source}" WHERE v > 3 AND kafka_key IS NOT NULL '
            "GROUP BY kafka_header('region'), kafka_partition", records)

    def test_an_export_of_no_topic(self) -> None:
        file = self.directory / "export"
        self.job = ["--query", 'SELECT count(*) AS n FROM "no-such-topic-here"']
        refused = self.start("explain", *self.job, "--export", str(file)).expect(3, 60)
        self.assertIn("topic no-such-topic-here does not exist", refused.stderr)
        self.assertFalse(file.exists())


def _test_of(name: str):
    def test(self: Jobs) -> None:
        r = random.Random(5)
        self.against_postgres(self.statement(name), [wanted(r) for _ in range(1_200)])

    return test


for _name in RUN:
    setattr(Jobs, f"test_{_name}", _test_of(_name))
