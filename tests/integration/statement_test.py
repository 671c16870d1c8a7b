"""Jobs that only a statement says, against plain Python over the same records."""

from __future__ import annotations

import json
import random
from decimal import ROUND_HALF_UP, Decimal

from harness import cluster
from harness.case import IntegrationTest, wait_for
from harness.records import Wanted, read_committed, write

PARALLEL = True
PARTITIONS = 3


def sale(rng: random.Random) -> dict:
    """One that the statement below has an opinion of, whatever it is."""
    record = {
        "cliente": {"uf": rng.choice(["SP", "RJ", "MG", "BA"]), "nome": "x" * rng.randrange(4)},
        "valor": Decimal(rng.randrange(-2_000, 100_000)).scaleb(-2),
        "moeda": rng.choice(["BRL", "BRL", "BRL", "USD", None]),
        "metodo": rng.choice(["pix", "boleto", "cart\u00e3o"]),
    }
    if rng.random() < 0.1:
        record["desconto"] = 1
    if rng.random() < 0.05:
        del record["cliente"]["uf"]
    return record


def encoded(record: dict) -> bytes:
    """Decimals as JSON numbers with all their digits."""
    marked = json.dumps(record, default=lambda value: f"<{value}>", ensure_ascii=False)
    return marked.replace('"<', "").replace('>"', "").encode()


def parsed(row: str | bytes) -> dict:
    return json.loads(row, parse_float=Decimal, parse_int=Decimal)


def rounded(value: Decimal, digits: int) -> Decimal:
    return value.quantize(Decimal(1).scaleb(-digits), ROUND_HALF_UP)


def expected(records: list[dict]) -> tuple[dict[str, dict], int, int]:
    """Rows by their key, and how many records are filtered and bad."""
    groups: dict[str, list[dict]] = {}
    filtered = bad = 0
    for record in records:
        if record["moeda"] != "BRL" or not record["valor"] > 0:
            filtered += 1
        elif "uf" not in record["cliente"]:
            bad += 1
        else:
            groups.setdefault(record["cliente"]["uf"], []).append(record)
    rows = {}
    for uf, of_group in groups.items():
        values = [record["valor"] for record in of_group]
        rows[uf] = {
            "uf": uf,
            "n": Decimal(len(values)),
            "total": sum(values),
            "media": rounded(sum(values) / len(values), 2),
            "menor": min(values),
            "maior": max(values),
            "pix": Decimal(sum(record["metodo"] == "pix" for record in of_group)),
            "com_desconto": Decimal(sum("desconto" in record for record in of_group)),
            "dobro": 2 * sum(values),
            "primeiro": min((record["metodo"] for record in of_group), key=str.encode),
            "ultimo": max((record["metodo"] for record in of_group), key=str.encode) + "!",
        }
    return rows, filtered, bad


class Passing:
    """HAVING sum(valor) BETWEEN 100 AND 200 in plain Python: what each group's results say, one
    after the other, where no two of its records come in one step."""

    def __init__(self) -> None:
        self.sums: dict[str, Decimal] = {}
        self.counts: dict[str, int] = {}
        self.published: dict[str, list[dict | None]] = {}

    def add(self, group: str, amount: Decimal) -> None:
        total = self.sums[group] = self.sums.get(group, Decimal(0)) + amount
        self.counts[group] = self.counts.get(group, 0) + 1
        said = self.published.get(group, [])
        if 100 <= total <= 200:
            row = {"g": group, "total": total, "n": Decimal(self.counts[group])}
            self.published.setdefault(group, []).append(row)
        elif said and said[-1] is not None:
            said.append(None)

    def last(self) -> dict[str, dict | None]:
        return {group: said[-1] for group, said in self.published.items()}


class Statements(IntegrationTest):
    def query(self) -> str:
        return (
            f'INSERT INTO "{self.results}" '
            "SELECT cliente.uf AS uf, count(*) AS n, sum(valor) AS total, "
            "round(avg(valor), 2) AS media, min(valor) AS menor, max(valor) AS maior, "
            "count(*) FILTER (WHERE metodo = 'pix') AS pix, count(desconto) AS com_desconto, "
            "2 * sum(valor) AS dobro, min(metodo) AS primeiro, max(metodo) || '!' AS ultimo "
            f"FROM \"{self.source}\" WHERE moeda = 'BRL' AND valor > 0 GROUP BY cliente.uf"
        )

    def job(self) -> list[str]:
        return ["--application-id", self.application, "--query", self.query()]

    def rows(self, job: list[str], key: str) -> dict[str, dict]:
        printed = self.start("results", *job, "--json").expect(0, 60).stdout
        return {row[key]: row for row in map(parsed, printed.splitlines())}

    def audit(self, code: int, *options: str) -> dict:
        done = self.start("audit", *self.job(), "--json", *options).expect(code, 90)
        return json.loads(done.stdout)

    def forge_a_result(self) -> None:
        """One of the rows, with another text in it, by somebody who has the headers right."""
        for partition in cluster.extents(self.results):
            for row in read_committed(self.results, partition):
                if row.key == b"SP" and row.value is not None:
                    last = (partition, row)
        partition, row = last
        wrong = row.value.replace(b'"ultimo":"', b'"ultimo":"x')
        self.assertNotEqual(wrong, row.value)
        write(self.results, partition, [Wanted(wrong, row.key, headers=row.headers)])

    def dead_letters(self) -> list[Wanted]:
        topic = f"{self.application}-dead-letters"
        return [letter for partition in cluster.extents(topic)
                for letter in read_committed(topic, partition)]  # fmt: skip

    def write_all(self, records: list[dict]) -> None:
        for partition in range(PARTITIONS):
            part = [Wanted(encoded(record)) for record in records[partition::PARTITIONS]]
            write(self.source, partition, part)

    def test_a_statement_against_plain_python(self) -> None:
        rng = random.Random(7)
        first = [sale(rng) for _ in range(3_000)]
        later = [sale(rng) for _ in range(2_000)]
        self.start("create-topics", *self.job(), "--partitions", str(PARTITIONS)).expect(0)
        cluster.wait_until_known(self.topics())
        self.write_all(first)
        # read_committed() takes no compressed batches.
        until_end = ["aggregate", *self.job(), "--until", "end", "-X", "compression.type=none"]
        last = self.start(*until_end).expect(0, 90).stderr.splitlines()[-1]
        rows, filtered, bad = expected(first)
        self.assertGreater(min(filtered, bad), 50)
        self.assertEqual(self.rows(self.job(), "uf"), rows)
        aggregated = len(first) - filtered - bad
        for figure in (f"records={len(first)}", f"aggregated={aggregated}",
                       f"filtered={filtered}", f"set_aside={bad}",
                       f"missing_field {bad} (first: cliente.uf)"):  # fmt: skip
            self.assertIn(figure, last)
        letters = self.dead_letters()
        self.assertEqual(len(letters), bad)
        for letter in letters:
            self.assertIn((b"kstream.field", b"cliente.uf"), letter.headers)
        base = str(self.directory / "base")
        report = self.audit(0, "--save-base", base)
        self.assertEqual(report["proved"], "full")
        self.assertEqual(report["records"]["filtered"], filtered)

        # A worker that is killed in the middle of a transaction, which leaves dead letters that
        # no reader may be given; the totals are restored from the changelog.
        letters_before = cluster.record_count(f"{self.application}-dead-letters")
        worker = self.start("aggregate", *self.job(), "--commit-interval", "20s",
                            "-X", "compression.type=none", name="killed")  # fmt: skip
        self.write_all(later)
        wait_for(lambda: cluster.record_count(f"{self.application}-dead-letters") > letters_before,
                 60, "the worker has written dead letters")  # fmt: skip
        worker.kill()
        self.start(*until_end).expect(0, 90)
        rows, filtered, bad = expected(first + later)
        self.assertEqual(self.rows(self.job(), "uf"), rows)
        self.assertEqual(len(self.dead_letters()), bad)
        self.assertEqual(self.audit(0)["proved"], "full")
        self.assertEqual(self.audit(0, "--base", base)["proved"], "since a base")
        self.forge_a_result()
        found = self.audit(1)["findings"]
        self.assertEqual([(one["kind"], one["what"]) for one in found],
                         [("wrong result", "key SP")])  # fmt: skip

    def test_a_group_passes_and_stops_and_passes_again(self) -> None:
        query = (
            f'INSERT INTO "{self.results}" SELECT g, sum(valor) AS total, count(*) AS n '
            f'FROM "{self.source}" GROUP BY g HAVING sum(valor) BETWEEN 100 AND 200'
        )
        job = ["--application-id", self.application, "--query", query]
        plain = ["-X", "compression.type=none"]  # read_committed() takes no others
        until_end = ["aggregate", *job, "--until", "end", *plain]
        self.start("create-topics", *job, "--partitions", str(PARTITIONS)).expect(0)
        cluster.wait_until_known(self.topics())
        rng = random.Random(11)
        wanted = Passing()
        groups = [f"g{n}" for n in range(400)]

        # One record of a group at a time: what its results say does not depend on how steps cut.
        def some(amounts: list[str]) -> list[dict]:
            records = []
            for group in rng.sample(groups, 350):
                amount = Decimal(rng.choice(amounts))
                wanted.add(group, amount)
                records.append({"g": group, "valor": amount})
            return records

        self.write_all(some(["99.99", "100", "150", "200.01"]))
        self.start(*until_end).expect(0, 90)
        for number in range(3):
            records = some(["-100", "-0.01", "0", "0.01", "100"])
            worker = self.start("aggregate", *job, "--http", "127.0.0.1:0", *plain,
                                name=f"killed-{number}")  # fmt: skip
            self.write_all(records[:150])
            wait_for(lambda: worker.metrics().total("kstream_records_written_total",
                                                    stage="totals", role="results") > 0,
                     60, "the worker has published something")  # fmt: skip
            self.write_all(records[150:])
            wait_for(lambda: worker.metrics().total("kstream_records_read_total",
                                                    stage="map") > 150,
                     60, "the worker reads the rest")  # fmt: skip
            worker.kill()
            self.start(*until_end).expect(0, 90)

        published: dict[str, list[dict | None]] = {}
        for partition in cluster.extents(self.results):
            for record in read_committed(self.results, partition):
                row = None if record.value is None else parsed(record.value)
                published.setdefault(record.key.decode(), []).append(row)
        self.assertEqual(published, wanted.published)
        last = wanted.last()
        gone = sum(row is None for row in last.values())
        back = sum(row is not None and None in wanted.published[group]
                   for group, row in last.items())  # fmt: skip
        self.assertGreater(min(gone, back, len(groups) - len(last)), 10)
        self.assertEqual(self.rows(job, "g"),
                         {group: row for group, row in last.items() if row is not None})

    def test_another_statement_is_another_job(self) -> None:
        self.start("create-topics", *self.job(), "--partitions", str(PARTITIONS)).expect(0)
        cluster.wait_until_known(self.topics())
        self.write_all([sale(random.Random(1)) for _ in range(30)])
        self.start("aggregate", *self.job(), "--until", "end").expect(0, 90)
        other = self.query().replace("valor > 0", "valor > 1")
        refused = self.start("aggregate", "--application-id", self.application, "--query", other,
                             "--until", "end").expect(78, 60)  # fmt: skip
        self.assertIn("is another job", refused.stderr)
        # The same one, written in another way.
        same = self.query().replace("moeda = 'BRL' AND valor > 0",
                                    "(moeda='BRL') and\n valor>0.0 -- of Brazil\n")  # fmt: skip
        self.start("aggregate", "--application-id", self.application, "--query", same,
                   "--until", "end").expect(0, 90)  # fmt: skip

    def test_a_sample_is_what_a_run_makes_of_the_same_records(self) -> None:
        records = [sale(random.Random(seed)) for seed in range(600)]
        self.start("create-topics", *self.job(), "--partitions", str(PARTITIONS)).expect(0)
        cluster.wait_until_known(self.topics())
        self.write_all(records)
        sample = ["explain", *self.job(), "--json", "--sample"]
        for count, taken in ((1_000_000, records), (PARTITIONS * 50, records[-PARTITIONS * 50:])):
            rows, filtered, bad = expected(taken)
            found = json.loads(self.start(*sample, str(count)).expect(0, 60).stdout,
                               parse_float=Decimal, parse_int=Decimal)["sample"]  # fmt: skip
            self.assertEqual({row["key"]: row["value"] for row in found["results"]}, rows)
            self.assertEqual(found["records"], len(taken))
            self.assertEqual(found["filtered"], filtered)
            self.assertEqual(found["aggregated"], len(taken) - filtered - bad)
            (reason,) = found["bad"]
            self.assertEqual((reason["reason"], reason["field"], reason["records"]),
                             ("missing_field", "cliente.uf", bad))  # fmt: skip
            at = int(reason["offset"]) * PARTITIONS + int(reason["partition"])
            self.assertNotIn("uf", records[at]["cliente"])
        page = self.start("explain", *self.job(), "--sample", "600").expect(0, 60).stdout
        rows, filtered, bad = expected(records)
        self.assertIn(f"{filtered} filtered by WHERE", page)
        self.assertIn(f"{bad} bad: missing_field of cliente.uf; the first at partition ", page)
        # It has joined no group, so the job has nothing to go on from.
        self.start("aggregate", *self.job(), "--until", "end").expect(0, 90)
        self.assertEqual(self.rows(self.job(), "uf"), rows)

    def test_a_sample_of_a_topic_that_does_not_exist(self) -> None:
        self.start("create-topics", *self.job(), "--partitions", "1").expect(0)
        cluster.wait_until_known(self.topics())
        misspelled = self.query().replace(self.source, f"{self.source}s")
        refused = self.start("explain", "--query", misspelled, "--sample", "10").expect(3, 60)
        self.assertIn(f"topic {self.source}s does not exist, did you mean {self.source}",
                      refused.stderr)  # fmt: skip
        self.assertEqual(refused.stdout, "")

    def test_a_field_of_where_that_no_record_has(self) -> None:
        self.start("create-topics", *self.job(), "--partitions", str(PARTITIONS)).expect(0)
        cluster.wait_until_known(self.topics())
        query = self.query().replace("moeda = ", "moedas = ")
        until_end = ["aggregate", "--application-id", self.application, "--query", query,
                     "--until", "end"]  # fmt: skip
        self.write_all([sale(random.Random(seed)) for seed in range(30)])
        said = self.start(*until_end).expect(11, 90).stderr
        self.assertIn(f"none of the 30 records that were read from topic {self.source} is in a "
                      "total", said)  # fmt: skip
        self.assertIn("none of them has moedas: is it spelled as in the records?", said)
        self.assertNotIn("no record has a field that WHERE names", said)
        self.write_all([sale(random.Random(1))] * 10_000)
        said = self.start(*until_end).expect(11, 90).stderr
        self.assertRegex(said, "no record has a field that WHERE names.* field=moedas .*")

    def test_explain_names_what_is_kept(self) -> None:
        page = self.start("explain", *self.job()).expect(0).stdout
        for part in ("cliente.uf (scalar)", "sum of valor: 24 bytes",
                     f"results: {self.results}"):  # fmt: skip
            self.assertIn(part, page)
