"""Bad records of every reason: dead-lettered with their bytes, skipped, or the process's end."""

from __future__ import annotations

from harness import cluster
from harness.case import IntegrationTest, wait_for
from harness.records import Wanted, write

PARALLEL = True

GOOD = b'{"id_vendedor":"vendedor_1","valor":10.25}'


def record(seller: bytes, amount: bytes) -> bytes:
    return b'{"id_vendedor":' + seller + b',"valor":' + amount + b"}"


# reason -> values, each bad for exactly that reason by docs/RECORDS.md.
BAD: dict[str, list[bytes]] = {
    "encoding": [
        b'{"id_vendedor":"\xff","valor":1}',
        b'{"id_vendedor":"\xc0\x80","valor":1}',
        b'{"id_vendedor":"\xed\xa0\x80","valor":1}',
        b'{"id_vendedor":"a","valor":1,"x":"\\ud800"}',
        b"\xf5",
    ],
    "depth": [b"[" * 65, b'{"id_vendedor":"a","valor":1,"x":' + b"[" * 64 + b"]" * 64 + b"}"],
    "json": [
        b"",
        b" \n",
        b"not json",
        b"\xef\xbb\xbf" + GOOD,
        GOOD + b"}",
        GOOD[:-1],
        record(b'"a"', b"01"),
        record(b'"a"', b"NaN"),
        record(b'"a"', b"+1"),
        b"{'id_vendedor':'a','valor':1}",
        b'{"id_vendedor":"a\tb","valor":1}',
        b"\x00",
        b"a\r\nb\tc\\x41 with what separates lines and fields",
    ],
    "not_object": [b"[]", b"1", b"null", b'"x"', b"[" + GOOD + b"]"],
    "duplicate_field": [
        b'{"id_vendedor":"a","valor":1,"valor":2}',
        b'{"id_vendedor":"a","id\\u005fvendedor":"a","valor":2}',
    ],
    "missing_field": [b"{}", b'{"id_vendedor":"a"}', b'{"valor":1}', b'{"x":' + GOOD + b"}"],
    "group_type": [record(b"null", b"1"), record(b"{}", b"1"), record(b"[1]", b'"1"')],
    "group_size": [record(b'"' + b"a" * 1025 + b'"', b"1")],
    "number_type": [record(b'"a"', b'"1"'), record(b'"a"', b"true"), record(b'"a"', b"null")],
    "scale": [record(b'"a"', b"0.1234567891"), record(b'"a"', b"1e-400")],
    "range": [record(b'"a"', b"1e400"), record(b"1e400", b"1"),
              record(b'"a"', b"170141183460469231731687303715.884105728")],
}  # fmt: skip
# Unusual, and good.
STRANGE = [
    b' { "valor" : 1E2 , "id_vendedor" : 7.50 , "x" : [1e400] } ',
    record(b"1", b"1"),
    record(b'"1"', b"1"),
    record(b"true", b"-0.000000001"),
    record(b'""', b"0e99999999999999999999"),
    record(b'"[x"', b"1"),
    record(b'"\\u0000\\"\\n"', b"2.5"),
    record('"S\u00e3o \U0001f600"'.encode(), b"2.5"),
    record(b'"S\\u00e3o \\ud83d\\ude00"', b"2.5"),
    record(b'"' + b"a" * 1024 + b'"', b"1"),
    record(b'"' + b"\x7f" + b'"', b"1"),
    b'{"id_vendedor":"a","valor":1,"x":' + b"[" * 63 + b"]" * 63 + b"}",
]
KEYS = [b"key", None, b"", b"\x00\xff\n\t"]


class BadRecords(IntegrationTest):
    def write_all(self) -> int:
        """Good and bad ones in turn, over all partitions and kinds of keys; how many are good."""
        values: list[bytes | None] = [v for values in BAD.values() for v in values]
        values += [*STRANGE, None, None, None]
        for partition in range(6):
            chosen = values[partition::6]
            mixed = [one for value in chosen for one in (GOOD, value)]
            write(
                self.source,
                partition,
                [Wanted(v, KEYS[n // 2 % len(KEYS)]) for n, v in enumerate(mixed)],
            )
        return len(values) + len(STRANGE)

    def test_dead_letters_of_every_reason(self) -> None:
        self.create_topics()
        good = self.write_all()
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
        self.write_all()
        one = self.replicas(1, "--http", "127.0.0.1:0")[0]
        self.settle()
        # The one that settled may have had some of the partitions: then fewer are ours.
        bad = sum(map(len, BAD.values()))

        def counted() -> bool:
            metrics = one.metrics()
            found = metrics.total("kstream_bad_records_total", stage="map")
            return 0 < found <= bad

        wait_for(counted, 20, "the metrics count bad records")
        one.terminate()
        self.assert_exact()

    def test_skip(self) -> None:
        self.create_topics()
        good = self.write_all()
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
            good += self.write_all()
            one.kill()
            one = self.aggregate("--instance-id", "a", "--commit-interval", "10ms")
            good += self.write_all()
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
