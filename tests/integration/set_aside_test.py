"""A run that rejects records, or leaves them behind a transaction, says so and how it ends."""

from __future__ import annotations

from collections.abc import Callable

from harness import cluster, requests
from harness.case import IntegrationTest, wait_for
from harness.poison import GOOD
from harness.records import Wanted, write

PARALLEL = True
NESTED = b'{"payload":{"seller":"a"},"valor":1}'


class SetAside(IntegrationTest):
    def last_line(self, stderr: str) -> str:
        return stderr.rstrip("\n").splitlines()[-1]

    def test_a_field_that_no_record_has(self) -> None:
        self.create_topics()
        write(self.source, 1, [Wanted(NESTED)] * 2000)
        job = ("--group-by", "payload.seller", "--sum", "valor")
        run = self.aggregate(*job, "--until", "end").expect(11, 30)
        (first,) = [line for line in run.stderr.splitlines() if "bad record rejected" in line]
        for part in ("reason=missing_field", "field=payload.seller", f"topic={self.source}",
                     "partition=1", "offset=0", "fields within other objects are not read"):
            self.assertIn(part, first)
        self.assertNotIn("everything up to the end", run.stderr)
        last = self.last_line(run.stderr)
        for part in ("stopped", "records=2000", "aggregated=0", "set_aside=2000",
                     "missing_field 2000 (first: payload.seller)"):
            self.assertIn(part, last)
        # Nothing is left to read, and that is no failure of this run.
        self.aggregate(*job, "--until", "end").expect(0, 30)

    def test_the_last_line_after_sigterm(self) -> None:
        self.create_topics()
        write(self.source, 0, [Wanted(GOOD), Wanted(None), Wanted(b"bad one"), Wanted(GOOD)])
        run = self.aggregate("--http", "127.0.0.1:0")

        def counted() -> bool:
            return run.metrics().total("kstream_records_read_total", stage="map") == 4

        wait_for(counted, 30, "the records are read")
        run.terminate()
        last = self.last_line(run.stderr)
        for part in ("warn", "records=4", "aggregated=2", "tombstones=1", "set_aside=1", "json 1"):
            self.assertIn(part, last)

    def test_max_bad_commits_nothing_of_what_went_beyond_it(self) -> None:
        self.create_topics()
        write(self.source, 0, [Wanted(GOOD)] * 990 + [Wanted(b"bad one")] * 11)
        # In one step, however slow: the share is of what a run reads.
        run = self.aggregate("--max-bad", "1%", "--commit-interval", "10s").expect(5, 30)
        self.assertIn("more than 1% of the records", run.stderr)
        self.assertIn("set_aside=11", self.last_line(run.stderr))
        self.assertEqual(cluster.record_count(f"{self.application}-dead-letters"), 0)
        self.aggregate("--max-bad", "2%", "--until", "end").expect(0, 30)
        self.assert_exact(count=990)

    def test_dead_letters_keep_the_headers_of_their_records(self) -> None:
        """The checker compares all of them; those of a dead letter that came back are its own."""
        self.create_topics()
        own = ((b"trace", b"\xff\x00"), (b"trace", b""), (b"kstream.reason", b"range"))
        write(self.source, 0, [Wanted(GOOD, headers=own), Wanted(b"bad one", b"k", headers=own)])
        write(self.source, 1, [Wanted(b'{"id_vendedor":"a","valor":"1"}', headers=own[:1])])
        self.settle()
        report = self.assert_exact(count=1)
        self.assertEqual(report.figures["dead_letters"], 2)

    def test_an_open_transaction_in_the_source(self) -> None:
        self.create_topics()
        write(self.source, 2, [Wanted(GOOD)] * 3)
        client = requests.Client(self.source, 2, self.application)
        self.addCleanup(client.close)

        def done(ask: Callable[[], str]) -> None:
            """Once what a client waits out has been waited out."""
            answer = wait_for(
                lambda: (got := ask()) not in requests.WAITED_OUT and got, 30, "an answer"
            )
            self.assertEqual(answer, requests.NO_ERROR)

        producers = []

        def init() -> str:
            error, producer = client.init(self.application, 120_000)
            producers.append(producer)
            return error

        done(init)
        producer = producers[-1]
        done(lambda: client.add_partition(producer))
        for sequence in range(4):
            done(lambda n=sequence: client.produce(producer, n))
        run = self.aggregate("--until", "end").expect(12, 30)
        self.assertIn(
            f"4 records stand after an open transaction and are not counted: topic {self.source} "
            "partition 2 from offset 3 (last stable) to 7 (end of the log)",
            run.stderr,
        )
        self.assertIn("aggregated=3", self.last_line(run.stderr))
        done(lambda: client.end(producer, False))
        # That is answered before the marker is in the log.
        wait_for(
            lambda: client.transaction_state(self.application) == "CompleteAbort",
            30,
            "the transaction is over",
        )
        self.settle()
        self.assert_exact(count=3)

    def test_a_quota_is_said(self) -> None:
        self.create_topics()
        self.produce(20_000)
        # A consumer's client.id goes on with the address that others are told.
        entity = ("--alter", "--entity-type", "clients",
                  "--entity-name", f"{self.application}-map-0-consumer-http-here-1")  # fmt: skip
        cluster.tool("kafka-configs", *entity, "--add-config", "consumer_byte_rate=10000")
        self.addCleanup(
            cluster.tool, "kafka-configs", *entity, "--delete-config", "consumer_byte_rate"
        )
        run = self.aggregate("--http", "127.0.0.1:0", "--http-advertise", "here:1")
        client = "map-0-consumer"
        run.wait_for_log(f"a quota of the broker makes this client wait client={client} ", 60)

        def throttled() -> bool:
            name = "kstream_broker_throttle_seconds_total"
            return run.metrics().total(name, client=client) > 0

        wait_for(throttled, 20, f"the metrics have what {client} waits")
