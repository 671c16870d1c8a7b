"""kstream audit proves what is right, beside everything that goes on, and names what is wrong."""

from __future__ import annotations

import json
import struct

from harness import cluster, records
from harness.case import IntegrationTest, wait_for
from harness.records import Wanted
from kafka_probe import uvarint
from totals_check.compare import partition_of

PARALLEL = True

PROVED, WRONG, CANNOT_TELL = 0, 1, 9
# So that the tests themselves can read what the job has written.
PLAIN = ("-X", "compression.type=none")


def read_varint(data: bytes, at: int) -> tuple[int, int]:
    value = shift = 0
    while True:
        byte = data[at]
        at += 1
        value |= (byte & 0x7F) << shift
        shift += 7
        if byte < 0x80:
            return value, at


def checked(body: bytes) -> bytes:
    return body + struct.pack(">I", records.crc32c(body))


class Audited(IntegrationTest):
    def audit(self, *options: str, code: int = PROVED, seconds: float = 90) -> dict:
        done = self.start("audit", *self.names(), "--json", *options)
        self.assertEqual(done.wait(seconds), code, done.describe() + done.stdout)
        return json.loads(done.stdout) if done.stdout else {"said": done.stderr}

    def findings(self, report: dict) -> list[tuple[str, str]]:
        return [(one["kind"], one["what"]) for one in report["findings"]]

    def internal(self, role: str) -> str:
        return f"{self.application}-totals-{role}"

    def find(self, topic: str, key: bytes) -> tuple[int, Wanted]:
        """Partition and last record of a key."""
        for partition in cluster.extents(topic):
            found = [w for _, w in records.read_uncommitted(topic, partition) if w.key == key]
            if found:
                return partition, found[-1]
        raise AssertionError(f"{key!r} is not in {topic}")

    def delete_records(self, topic: str, before: dict[int, int]) -> None:
        path = self.directory / "delete-records.json"
        rows = ",".join(
            f'{{"topic":"{topic}","partition":{p},"offset":{o}}}' for p, o in before.items()
        )
        path.write_text(f'{{"partitions":[{rows}],"version":1}}')
        cluster.tool("kafka-delete-records", "--offset-json-file", str(path))
        wait_for(
            lambda: all(cluster.extents(topic)[p].start == o for p, o in before.items()),
            30,
            f"{topic} is truncated",
        )


class Proved(Audited):
    def test_after_a_run_with_every_kind_of_record(self) -> None:
        self.create_topics()
        self.produce(50_000)
        records.write(self.source, 0, [Wanted(b"{}"), Wanted(None, b"k"), Wanted(b"nonsense")])
        self.settle()
        report = self.audit()
        self.assertEqual(report["proved"], "full")
        counts = report["records"]
        self.assertEqual(
            (counts["read"], counts["aggregated"], counts["dead_lettered"], counts["tombstones"]),
            (50_003, 50_000, 2, 1),
        )
        self.assertEqual(report["source_records_read"], 50_003)
        self.assertEqual(sum(p["lag"] for p in report["source"]), 0)
        self.assertEqual(report["keys"], 3)
        self.assertGreater(report["ledger"]["steps"], 0)
        quick = self.audit("--quick")
        self.assertEqual((quick["proved"], quick["keys"]), ("nothing", 0))
        self.assertEqual(quick["source"], report["source"])

    def test_before_anything_is_committed(self) -> None:
        self.create_topics()
        said = self.audit(code=CANNOT_TELL)["said"]
        self.assertIn("committed nothing", said)

    def test_another_job_is_refused(self) -> None:
        self.create_topics()
        self.produce(1_000)
        self.settle()
        said = self.audit("--scale", "2", code=78)["said"]
        self.assertIn("--scale was 9, is 2", said)
        # With other aggregates the totals cannot even be read; it said "committed nothing".
        said = self.audit(
            "--group-by", "id_vendedor", "--count", "numero_transacoes", code=78
        )["said"]
        self.assertIn("--sum was valor=valor_total_por_vendedor, is not given", said)

    def test_in_passes_where_memory_is_short(self) -> None:
        self.create_topics()
        self.produce(60_000, "--sellers", "8000")
        self.settle()
        base = str(self.directory / "base")
        report = self.audit("--memory", "1M", "--save-base", base)
        self.assertGreater(report["passes"], 1)
        self.assertGreater(report["keys"], 7_900)
        self.assertEqual(report["source_records_read"], 60_000 * report["passes"])
        # What the passes have put together is what one pass takes up.
        again = self.audit("--base", base)
        self.assertEqual((again["passes"], again["keys"]), (1, report["keys"]))

    def test_beside_workers_and_a_producer_through_a_kill(self) -> None:
        self.create_topics()
        victim, *rest = self.replicas(3)
        producer = self.start_produce("--rate", "10000", "--seed", "9", "--sellers", "50")
        watcher = self.watch()
        watcher.wait_for_total(20_000, 60)
        first = self.audit()
        self.assertEqual(first["proved"], "full")
        victim.kill()
        seen = watcher.total()
        # Orphans are being fenced and taken over while it reads.
        during = self.audit()
        self.assertGreaterEqual(during["records"]["read"], first["records"]["read"])
        watcher.wait_for_total(seen + 10_000, 60)
        # What all state partitions have: that two of them go on makes the total grow as well.
        wait_for(
            lambda: self.audit()["records"]["read"] > first["records"]["read"],
            60,
            "all partitions have gone on",
        )
        producer.terminate(15)
        self.settle()
        last = self.audit()
        self.note(f"{last['records']['read']} records, {first['compared_again']} keys again")
        self.assertEqual(sum(p["lag"] for p in last["source"]), 0)
        for replica in rest:
            replica.terminate()


class Wrong(Audited):
    """Records that kstream did not write: each is found, and named."""

    def setUp(self) -> None:
        super().setUp()
        self.create_topics()
        self.produce(20_000)
        self.settle(90.0, *PLAIN)

    def test_a_forged_result(self) -> None:
        partition, right = self.find(self.results, b"vendedor_2")
        assert right.value is not None
        wrong = right.value.replace(b'"numero_transacoes":', b'"numero_transacoes":1')
        records.write(
            self.results, partition, [Wanted(wrong, b"vendedor_2", headers=right.headers)]
        )
        report = self.audit(code=WRONG)
        self.assertEqual(self.findings(report), [("wrong result", "key vendedor_2")])
        self.assertEqual(report["findings"][0]["expected"].encode(), right.value)
        self.assertEqual(report["findings"][0]["found"].encode(), wrong)
        # One of a transaction that never was is no newer result.
        headers = ((b"kstream.transaction", b"999999"),)
        never = Wanted(right.value, b"vendedor_2", headers=headers)
        records.write(self.results, partition, [never])
        report = self.audit(code=WRONG)
        self.assertIn(("wrong result", "key vendedor_2"), self.findings(report))
        # A key that the source does not have, and a text that is no key of the job.
        records.write(self.results, 0, [Wanted(wrong, b"nobody"), Wanted(b"{}", b"[")])
        found = self.findings(self.audit(code=WRONG))
        self.assertIn(("extra result", "key nobody"), found)
        self.assertIn("extra result", [kind for kind, what in found if "offset" in what])

    def test_a_result_in_a_partition_of_another_client(self) -> None:
        """The right one replaced it in the account when its partition was read later."""
        partition, right = self.find(self.results, b"vendedor_2")
        assert right.value is not None
        wrong = right.value.replace(b'"numero_transacoes":', b'"numero_transacoes":1')
        for other in {0, len(cluster.extents(self.results)) - 1} - {partition}:
            forged = Wanted(wrong, b"vendedor_2", headers=right.headers)
            records.write(self.results, other, [forged])
        report = self.audit(code=WRONG)
        self.assertEqual(set(self.findings(report)), {("extra result", "key vendedor_2")})
        self.assertIn(f"partition {partition} only", report["findings"][0]["expected"])

    def test_an_outsiders_results_that_the_job_has_replaced(self) -> None:
        partition, right = self.find(self.results, b"vendedor_2")
        assert right.value is not None
        records.write(self.results, partition, [Wanted(right.value, b"vendedor_2")])
        self.produce(5_000, "--seed", "2")
        self.settle(90.0, *PLAIN)
        report = self.audit(code=WRONG)
        self.assertEqual([kind for kind, _ in self.findings(report)], ["foreign record"])
        self.assertIn("without the headers", report["findings"][0]["found"])

    def test_a_result_that_was_deleted(self) -> None:
        partition, _ = self.find(self.results, b"vendedor_1")
        records.write(self.results, partition, [Wanted(None, b"vendedor_1")])
        report = self.audit(code=WRONG)
        self.assertEqual(self.findings(report), [("missing result", "key vendedor_1")])

    def test_a_forged_total(self) -> None:
        topic = self.internal("changelog")
        key = b"\x01s" + uvarint(len(b"vendedor_3")) + b"vendedor_3\x00"
        partition, right = self.find(topic, key)
        assert right.value is not None
        transaction, at = read_varint(right.value, 1)
        tag_count = right.value.rindex(b"\x01", at, len(right.value) - 4)
        count, _ = read_varint(right.value, tag_count + 1)
        # One record more than there is, with a checksum that is right.
        body = right.value[: tag_count + 1] + uvarint(count + 2)
        records.write(topic, partition, [Wanted(checked(body), key)])
        report = self.audit(code=WRONG)
        found = self.findings(report)
        self.assertIn(("wrong total", "key vendedor_3"), found)
        self.assertIn(("broken state", f"state partition {partition}"), found)
        wrong = next(f for f in report["findings"] if f["kind"] == "wrong total")
        self.assertTrue(wrong["expected"].endswith(f"numero_transacoes {count // 2}"), wrong)
        self.assertTrue(wrong["found"].endswith(f"numero_transacoes {count // 2 + 1}"), wrong)
        self.assertGreater(transaction, 0)

    def test_a_total_that_is_damaged(self) -> None:
        topic = self.internal("changelog")
        records.write(topic, 2, [Wanted(b"\x01nothing", b"\x01nothing")])
        report = self.audit(code=WRONG)
        self.assertEqual([kind for kind, _ in self.findings(report)], ["damaged record"])


class Gone(Audited):
    """What is missing or too much for a reason proves nothing: 1 is for a wrong total alone."""

    def setUp(self) -> None:
        super().setUp()
        self.create_topics()
        self.produce(20_000)
        self.settle()

    def doubts(self, *options: str) -> str:
        report = self.audit(*options, code=CANNOT_TELL)
        self.assertEqual(report["findings"], [])
        return " ".join(report["doubts"])

    def test_results_that_were_emptied(self) -> None:
        # Brokers delete no records of a topic that is compacted only.
        cluster.alter_topic(self.results, {"cleanup.policy": "compact,delete"})
        self.delete_records(
            self.results, {p: e.end for p, e in cluster.extents(self.results).items()}
        )
        self.assertIn("was emptied or re-created", self.doubts())

    def test_results_of_another_application(self) -> None:
        headers = ((b"kstream.transaction", b"3"), (b"kstream.run.id", b"0123456789abcdef"))
        records.write(
            self.results,
            partition_of(b"nobody", len(cluster.extents(self.results))),
            [Wanted(b"{}", b"nobody", headers=headers)],
        )
        self.assertIn("0123456789abcdef", self.doubts())

    def test_a_reset_that_keeps_the_results(self) -> None:
        def done() -> bool:
            """Refused for as long as the group has members."""
            reset = self.start(
                "reset", "--application-id", self.application, "--output-topic", self.results,
                "--results", "keep", "--yes",
            )  # fmt: skip
            return reset.wait(60) == 0

        wait_for(done, 60, "the application is reset")
        self.settle()
        self.assertEqual(self.audit()["proved"], "full")


class Truncated(Audited):
    def setUp(self) -> None:
        super().setUp()
        self.create_topics()
        self.produce(20_000)
        self.settle()

    def test_a_source_that_forgot(self) -> None:
        base = str(self.directory / "base")
        self.audit("--save-base", base)
        ends = {p: e.end for p, e in cluster.extents(self.source).items()}
        self.produce(10_000, "--seed", "2")
        self.settle()
        self.delete_records(self.source, {p: e - 5 for p, e in ends.items()})
        report = self.audit(code=CANNOT_TELL)
        self.assertEqual((report["proved"], report["findings"]), ("ledger only", []))
        self.assertIn("begins at offset", report["why_not_full"])
        # Nobody can know, so nothing may be saved as if it had been.
        unproved = self.directory / "unproved"
        self.audit("--save-base", str(unproved), code=CANNOT_TELL)
        self.assertEqual(list(self.directory.glob("unproved*")), [])
        since = self.audit("--base", base, "--save-base", base)
        self.assertEqual(since["proved"], "since a base")
        self.assertEqual(since["source_records_read"], 10_000)
        # The base moves on with each audit.
        moved = self.audit("--base", base)
        self.assertEqual((moved["proved"], moved["source_records_read"]), ("since a base", 0))
        # Also behind the base something has gone now.
        self.produce(1_000, "--seed", "3")
        self.settle()
        ends = {p: e.end for p, e in cluster.extents(self.source).items()}
        self.delete_records(self.source, dict(ends))
        self.audit("--base", base, code=CANNOT_TELL)

    def test_a_base_that_is_damaged(self) -> None:
        base = self.directory / "base"
        self.audit("--save-base", str(base))
        whole = base.read_bytes()
        for damaged in (whole[:-1], whole[:100], whole[:200] + b"\xff" + whole[201:], b"text\n"):
            base.write_bytes(damaged)
            self.assertIn("base", self.audit("--base", str(base), code=CANNOT_TELL)["said"])

    def test_a_ledger_with_a_hole(self) -> None:
        """The deltas of what is applied may go, from the front. None may be missing between."""
        topic = self.internal("repartition")
        ends = {p: e.end for p, e in cluster.extents(topic).items()}
        self.delete_records(topic, ends)
        report = self.audit()
        self.assertEqual(report["proved"], "full")
        self.assertEqual(report["ledger"]["steps"], 0)
        self.assertEqual(report["ledger"]["purged"], 36)


class Stops(Audited):
    """The job itself stops where the audit would find it wrong (P2, P4)."""

    def setUp(self) -> None:
        super().setUp()
        self.create_topics()
        self.produce(20_000)
        self.settle(90.0, *PLAIN)

    def refused(self, code: int, *words: str) -> None:
        self.produce(1_000, "--seed", "2")
        stopped = self.aggregate("--until", "end")
        self.assertEqual(stopped.wait(60), code, stopped.describe())
        for word in words:
            self.assertIn(word, stopped.stderr)

    def a_step(self) -> bytes:
        """The last batch of a map step in repartition partition 0."""
        steps = [w.value for _, w in records.read_uncommitted(self.internal("repartition"), 0)]
        value = steps[-1]
        assert value is not None and value[1] == 0
        return value

    def test_a_forged_repartition_record(self) -> None:
        records.write(self.internal("repartition"), 0, [Wanted(b"\x01\x00forged")])
        self.refused(70, "repartition partition 0")

    def test_a_repartition_record_that_leaves_a_gap(self) -> None:
        value = self.a_step()
        at = 2 + 8
        for _ in range(4):  # step, chunk, chunks, oldest
            _, at = read_varint(value, at)
        at += 8 + 1 + 1
        for _ in range(3):
            _, at = read_varint(value, at)
        at += 3 * 16
        _, at = read_varint(value, at)  # ranges
        _, at = read_varint(value, at)  # partition
        start, behind = read_varint(value, at)
        end, rest = read_varint(value, behind)
        moved = uvarint(end + 1_000) + uvarint(2 * end + 1_000 - start)
        forged = value[:at] + moved + value[rest:-4]
        records.write(self.internal("repartition"), 0, [Wanted(checked(forged))])
        self.refused(70, "partition")

    def test_a_repartition_record_that_comes_twice_is_dropped(self) -> None:
        records.write(self.internal("repartition"), 0, [Wanted(self.a_step())])
        self.produce(1_000, "--seed", "2")
        self.settle()
        self.assert_exact(count=21_000)
        report = self.audit()
        self.assertEqual(report["ledger"]["duplicates"], 1)

    def test_changed_partition_counts(self) -> None:
        def grow(topic: str) -> None:
            cluster.tool("kafka-topics", "--alter", "--topic", topic, "--partitions", "7")

        grow(self.internal("repartition"))
        self.refused(78, "they must be equal")  # the state is for other partitions
        grow(self.internal("changelog"))
        self.refused(78, "partition")
        said = self.audit(code=78)["said"]
        self.assertIn("partition", said)

    def test_changed_results_partitions(self) -> None:
        cluster.tool("kafka-topics", "--alter", "--topic", self.results, "--partitions", "7")
        self.refused(78, "partition")

    def test_changed_source_partitions_are_read_from_their_beginning(self) -> None:
        cluster.tool("kafka-topics", "--alter", "--topic", self.source, "--partitions", "8")
        cluster.wait_until_known([self.source])
        self.produce(8_000, "--seed", "2")
        self.settle()
        self.assert_exact(count=28_000)
        report = self.audit()
        self.assertEqual((report["proved"], len(report["source"])), ("full", 8))
