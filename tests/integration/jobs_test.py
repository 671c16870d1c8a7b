"""The jobs of docs/jobs, each through a real broker, against PostgreSQL.

The same statement three times: run by `kstream aggregate`, printed for PostgreSQL by `explain --as
postgres`, and the topic exported by `explain --export`. The rows have to be equal, and so has what
became of the records. So do the statements of docs/shapes, over the records that they are for."""

from __future__ import annotations

import json
import random
import re
import time
import unittest
from decimal import Decimal

from harness import cluster, statement
from harness.case import IntegrationTest
from harness.cluster import ROOT
from harness.records import Wanted, write

PARALLEL = True
JOBS = ROOT / "docs" / "jobs"
PARTITIONS = 2
RUN = sorted(path.stem for path in JOBS.glob("*.sql"))
SHAPES = ROOT / "docs" / "shapes"


def transaction(r: random.Random, second: int) -> dict:
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
        # Some are a few minutes old, and some some hours.
        "hora_transacao": second - r.choice([0, 0, 0, r.randint(0, 900), r.randint(0, 40_000)]),
    }
    if r.random() < 0.5:
        record["pagamento"] = {"cartao": {"bandeira": r.choice(["Visa", "VISA", "Elo", "\u00c9"])}}
    if r.random() < 0.05:
        record["valor"] = r.choice(["12,50", None, True, {}, Decimal("1e-12"), Decimal("1e60")])
    if r.random() < 0.05:
        del record[r.choice(["id_vendedor", "status", "moeda", "valor", "hora_transacao"])]
    return record


def encoded(r: random.Random, record: dict) -> bytes:
    marked = json.dumps(record, default=lambda value: f"<{value}>", ensure_ascii=r.random() < 0.5)
    value = marked.replace('"<', "").replace('>"', "").encode()
    if r.random() < 0.02:
        return r.choice([b"", b"{", value[:-1], b"[]", value + b"}", value.replace(b"{", b"{\xff")])
    if r.random() < 0.01:
        return b'{"id_vendedor":"vendedor_1",' + value[1:]  # twice
    return value


def wanted(r: random.Random, second: int) -> Wanted:
    if r.random() < 0.01:
        return Wanted(None, b"a tombstone")
    return Wanted(encoded(r, transaction(r, second)), r.choice([None, b"key"]))


@unittest.skipUnless(statement.is_here(), statement.NEEDED)
class Jobs(IntegrationTest):
    def text_of(self, name: str) -> str:
        """The file's, with the topics of this test."""
        text = (JOBS / f"{name}.sql").read_text(encoding="utf-8")
        text = re.sub(r"^INSERT INTO \w+\n", "", text, flags=re.M)
        text, found = re.subn(r"^(FROM (?:tumble\()?)financial_transactions\b",
                              rf'\1"{self.source}"', text, flags=re.M)  # fmt: skip
        self.assertEqual(found, 1)
        return text

    def write_source(self, records: list[Wanted]) -> None:
        self.start("create-topics", *self.job, "--partitions", str(PARTITIONS)).expect(0)
        cluster.wait_until_known(self.topics())
        for partition in range(PARTITIONS):
            write(self.source, partition, records[partition::PARTITIONS])

    def against_postgres(self, text: str, records: list[Wanted]) -> None:
        file = self.directory / "job.sql"
        file.write_text(text, encoding="utf-8")
        self.job = [str(file), "--application-id", self.application,
                    "--output-topic", self.results]  # fmt: skip
        self.write_source(records)
        done = self.start("aggregate", *self.job, "--until", "end").expect(0, 90)
        counts = dict(re.findall(r" (\w+)=(\d+)", done.stderr.splitlines()[-1]))
        found = statement.judge(self, self.job)
        self.assertEqual(found.ours, found.theirs)
        self.assertGreater(len(found.ours), 0)
        self.assertEqual(int(counts["records"]), len(records))
        self.assertEqual(found.verdicts.get("aggregated", 0), int(counts["aggregated"]))
        self.assertEqual(found.verdicts.get("filtered", 0), int(counts.get("filtered", 0)))
        self.assertEqual(found.verdicts.get("bad", 0), int(counts["set_aside"]))
        self.assertGreater(found.verdicts["bad"], 0)
        self.assertEqual(found.verdicts.get("late", 0), int(counts["late"]))
        if "FROM tumble" in text:
            self.assertGreater(found.verdicts["late"], 0)

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

    def test_a_sample_of_windows(self) -> None:
        r = random.Random(8)
        self.job = ["--query", f'SELECT count(*) AS n FROM "{self.source}"', "--application-id",
                    self.application, "--output-topic", self.results]  # fmt: skip
        records = []
        for i in range(1_500):
            # Two days around one with two midnights; a record may be a day and more behind others.
            second = 1_541_300_000 + 120 * i - r.choice([0, 0, 60, 1_800, 90_000])
            value = {"k": r.choice("abc"), "at": second if r.random() < 0.95 else "now", "v": i}
            records.append(Wanted(json.dumps(value).encode()))
        self.write_source(records)
        select = "SELECT k, window_start, window_end, count(*) AS n, sum(v) AS s"
        of_time = f"""tumble("{self.source}", to_timestamp(at)"""
        options = "grace => INTERVAL '1 hour', max_ahead => 'never'"
        for length in ("'day', 'America/Havana'", "INTERVAL '7 hours'"):
            query = f"{select} FROM {of_time}, {length}, {options}%s) GROUP BY k, window_start"
            job = ["--query", query % "", *self.job[2:]]
            found = statement.judge_sample(self, job)
            self.assertEqual(found.ours, found.theirs)
            self.assertGreater(found.verdicts["late"], 0)
            self.assertGreater(found.verdicts["bad"], 0)
            # Of windows that are published once a sample shows the open ones too.
            job = ["--query", query % ", emit => 'final', idle => 'never'", *self.job[2:]]
            final = statement.judge_sample(self, job)
            self.assertEqual(final.ours, found.ours)
            self.assertLess(set(final.theirs), set(final.ours))
            self.assertGreater(len(final.theirs), 0)

    def test_an_export_of_no_topic(self) -> None:
        file = self.directory / "export"
        self.job = ["--query", 'SELECT count(*) AS n FROM "no-such-topic-here"']
        refused = self.start("explain", *self.job, "--export", str(file)).expect(3, 60)
        self.assertIn("topic no-such-topic-here does not exist", refused.stderr)
        self.assertFalse(file.exists())


@unittest.skipUnless(statement.is_here(), statement.NEEDED)
class Shapes(IntegrationTest):
    def topics(self) -> list[str]:
        return [*super().topics(), f"{self.application}-late"]

    def against_postgres(self, name: str, shape: str, share: float) -> None:
        """`share`: of the records that WHERE takes, about."""
        text = (SHAPES / f"{name}.sql").read_text(encoding="utf-8")
        text = re.sub(r"^INSERT INTO \w+\n", "", text, flags=re.M)
        text, found = re.subn(rf"^(FROM (?:\w+\()?){shape}\b", rf'\1"{self.source}"', text,
                              flags=re.M)  # fmt: skip
        self.assertEqual(found, 1)
        file = self.directory / "job.sql"
        file.write_text(text, encoding="utf-8")
        job = [str(file), "--application-id", self.application, "--output-topic", self.results]
        self.start("create-topics", *job, "--partitions", str(PARTITIONS)).expect(0)
        # Half a minute of event time from one burst to the next: windows close, but for the last.
        bursts, count = 3, 2_000
        for burst in range(bursts):
            self.start("produce", "--shape", shape, "--topic", self.source, "--count", str(count),
                       "--start-time", str(1_700_000_000 + 30 * burst),
                       "--out-of-order", "10%").expect(0, 60)  # fmt: skip
        done = self.start("aggregate", *job, "--until", "end").expect(0, 90)
        counts = dict(re.findall(r" (\w+)=(\d+)", done.stderr.splitlines()[-1]))
        found = statement.judge(self, job)
        self.assertEqual(found.ours, found.theirs)
        self.assertGreater(len(found.ours), 0)
        self.assertEqual(sum(found.verdicts.values()), bursts * count)
        self.assertEqual(found.verdicts["aggregated"], int(counts["aggregated"]))
        # Nothing is further behind than --out-of-order-by, which is the grace of these statements.
        self.assertEqual(found.verdicts.get("late", 0), 0)
        self.assertEqual(found.verdicts.get("bad", 0), 0)
        self.assertAlmostEqual(found.verdicts["aggregated"] / (bursts * count), share, delta=0.03)

    def test_shuffle(self) -> None:
        self.against_postgres("shuffle", "shuffle", 0.2)


def _test_of(name: str):
    def test(self: Jobs) -> None:
        r = random.Random(5)
        # Three days, the last of which is over.
        begin = int(time.time()) - 3 * 86_400
        records = [wanted(r, begin + i * 200) for i in range(1_200)]
        self.against_postgres(self.text_of(name), records)

    return test


for _name in RUN:
    setattr(Jobs, f"test_{_name}", _test_of(_name))


def _test_of_nexmark(name: str):
    return lambda self: self.against_postgres(name, "nexmark", 0.92)


for _name in sorted(path.stem for path in SHAPES.glob("nexmark_*.sql")):
    setattr(Shapes, f"test_{_name}", _test_of_nexmark(_name))
