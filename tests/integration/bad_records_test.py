"""Bad records of every reason: dead-lettered with their bytes, skipped, or the process's end."""

from __future__ import annotations

from harness import cluster
from harness.case import IntegrationTest, wait_for
from harness.poison import BAD, GOOD, write_all
from harness.records import Wanted, write

PARALLEL = True


class BadRecords(IntegrationTest):
    def test_dead_letters_of_every_reason(self) -> None:
        self.create_topics()
        good = write_all(self.source)
        self.produce(5_000)
        one, other = self.replicas(2, "--http", "127.0.0.1:0")
        self.settle()
        report = self.assert_exact(count=good + 5_000)
        expected = {reason: len(values) for reason, values in sorted(BAD.items())}
        self.assertEqual(report.figures["bad_by_reason"], expected)
        self.assertEqual(report.figures["tombstones"], 3)
        self.assertEqual(report.figures["dead_letters"], sum(expected.values()))
        one.terminate()
        other.terminate()

    def test_counters_tell_reasons_and_tombstones(self) -> None:
        self.create_topics()
        write_all(self.source)
        # Alone, so that every record is its own to count.
        one = self.replicas(1, "--http", "127.0.0.1:0")[0]
        expected = {reason: len(values) for reason, values in sorted(BAD.items())}

        def counted(name: str, **labels: str) -> float:
            return one.metrics().total(name, stage="map", **labels)

        def by_reason() -> dict[str, float]:
            return {reason: counted("kstream_bad_records_total", reason=reason)
                    for reason in expected}  # fmt: skip

        wait_for(lambda: by_reason() == expected, 30, f"the metrics count {expected}")
        self.assertEqual(counted("kstream_bad_records_total"), sum(expected.values()))
        # They stand after the bad ones.
        wait_for(lambda: counted("kstream_tombstones_total") == 3, 30, "three tombstones")
        wait_for(
            lambda: cluster.record_count(f"{self.application}-dead-letters")
            >= sum(expected.values()),
            30,
            "the dead letters are written",
        )
        one.terminate()
        self.assert_exact()

    def test_skip(self) -> None:
        self.create_topics()
        good = write_all(self.source)
        self.settle(60, "--on-bad-record", "skip")
        report = self.assert_exact("--on-bad-record", "skip", count=good)
        self.assertEqual(report.figures["dead_letters"], 0)

    def test_fail(self) -> None:
        """The process ends, nothing of the step is committed, and another policy can go on."""
        self.create_topics()
        write(self.source, 2, [Wanted(GOOD), Wanted(b"bad one"), Wanted(GOOD)])
        failed = self.aggregate("--on-bad-record", "fail").expect(5, 30)
        for word in ("json", self.source, "2", "1"):
            self.assertIn(word, failed.stderr)
        self.assertNotIn("bad one", failed.stderr)  # payloads are not logged
        self.assertEqual(cluster.record_count(f"{self.application}-dead-letters"), 0)
        self.aggregate("--on-bad-record", "fail", "--until", "end").expect(5, 30)
        self.settle()
        self.assert_exact(count=2)

    def test_dead_letters_stay_exact_over_kills(self) -> None:
        self.create_topics()
        producer = self.start_produce("--rate", "5000")
        one = self.aggregate("--instance-id", "a", "--commit-interval", "10ms")
        good = 0
        for _ in range(3):
            one.wait_for_log("partitions assigned")
            good += write_all(self.source)
            one.kill()
            one = self.aggregate("--instance-id", "a", "--commit-interval", "10ms")
            good += write_all(self.source)
        producer.terminate(15)
        self.settle(60, "--instance-id", "b")
        report = self.assert_exact()
        self.assertEqual(report.figures["dead_letters"], 6 * sum(map(len, BAD.values())))
        one.terminate()

    def test_a_record_that_is_too_large_for_a_copy(self) -> None:
        """As large as the source takes. It leaves itself or a stub; the stream goes on."""
        self.create_topics()
        limit = 1_048_588  # max.message.bytes as Kafka has it, batch header included
        write(self.source, 0, [Wanted(b"[" * (limit - 100), b"k")])
        write(self.source, 0, [Wanted(GOOD)])
        self.settle()
        report = self.assert_exact(count=1)
        self.assertEqual(report.figures["bad_by_reason"], {"depth": 1})

    def test_headers_that_are_too_large_for_a_copy(self) -> None:
        """They are left out, and said to be; key and value are there."""
        self.create_topics()
        cluster.alter_topic(self.source, {"max.message.bytes": "4000000"})
        large = ((b"trace", b"h" * 3_000_000), (b"n", b""))
        write(self.source, 0, [Wanted(b"[", b"k", headers=large), Wanted(GOOD)])
        self.settle()
        # That key and value are there is judged by who compares the letters with the source.
        self.assertEqual(self.assert_exact(count=1).figures["dead_letters"], 1)
