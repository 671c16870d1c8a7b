#!/usr/bin/env python3
"""Tests of what tests/bench/peers/ judges by: the rows of each job, of records written by hand, and
that results which differ from them are found."""

from __future__ import annotations

import json
import sys
import unittest
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path
from types import SimpleNamespace
from unittest import mock

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "bench" / "peers"))
from peers import judge, latency, measure, report  # noqa: E402
from peers.jobs import JOBS, LEFT_OUT  # noqa: E402
from peers.jobs.job import SHAPES, Recount  # noqa: E402
from peers.source import Expected  # noqa: E402
from peers.times import milliseconds  # noqa: E402
from peers.watch import Look, Watch  # noqa: E402

from totals_check.console import Record  # noqa: E402

DAY = milliseconds("2023-11-14")
GRACE_S = 4


def at(second: float) -> str:
    whole, millisecond = divmod(round(second * 1000), 1000)
    minute, rest = divmod(whole, 60)
    return f"2023-11-14T00:{minute:02}:{rest:02}.{millisecond:03}Z"


def bid(second: float, auction: int = 1, bidder: int = 1, price: int = 100,
        channel: str = "Apple") -> dict:  # fmt: skip
    return {"event_type": 2, "bid": {"auction": auction, "bidder": bidder, "price": price,
                                     "channel": channel, "dateTime": at(second)}}  # fmt: skip


def person(second: float) -> dict:
    return {"event_type": 0, "person": {"id": 1, "dateTime": at(second)}}


def recounted(job: str, records: list[dict]) -> Recount:
    counted = JOBS[job].recount(GRACE_S)
    for record in records:
        counted.add(record)
    return counted


class Rows(unittest.TestCase):
    def of(self, job: str, records: list[dict], digits: int | None = None) -> dict:
        return recounted(job, records).rows(digits)

    def test_overlapping_windows(self) -> None:
        rows = self.of("q5", [bid(12), bid(13.999), bid(14), bid(12, auction=2), person(12)])
        ones = {(key[1] - DAY) // 1000: row for key, row in rows.items() if key[0] == 1}
        counts = {start: row[1] for start, row in ones.items()}
        self.assertEqual(counts, {4: 2, 6: 3, 8: 3, 10: 3, 12: 3, 14: 1})
        self.assertTrue(all(row[0] - DAY == (start + 10) * 1000 for start, row in ones.items()))
        self.assertEqual(len(rows), 6 + 5)

    def test_the_highest_price_of_ten_seconds(self) -> None:
        rows = self.of("q7", [bid(0, price=5), bid(9.999, price=7), bid(10, price=6)])
        self.assertEqual(rows, {(DAY,): (DAY + 10_000, 7), (DAY + 10_000,): (DAY + 20_000, 6)})

    def test_a_pause_of_the_gap_is_within_a_session_and_a_longer_one_ends_it(self) -> None:
        rows = self.of("q11", [bid(21), bid(1), bid(11), bid(31.001), bid(1, bidder=2)])
        self.assertEqual(rows, {
            (1, DAY + 1_000): (DAY + 31_000, 3),
            (1, DAY + 31_001): (DAY + 41_001, 1),
            (2, DAY + 1_000): (DAY + 11_000, 1),
        })  # fmt: skip

    def test_bids_of_a_bidder_in_ten_seconds(self) -> None:
        rows = self.of("q12", [bid(9.999), bid(0), bid(10), bid(3, bidder=2)])
        self.assertEqual({(bidder, start - DAY): row[1] for (bidder, start), row in rows.items()},
                         {(1, 0): 2, (1, 10_000): 1, (2, 0): 1})  # fmt: skip

    def test_statistics_of_a_day(self) -> None:
        records = [bid(0, 1, 1, 9_999), bid(1, 1, 1, 10_000), bid(2, 1, 2, 999_999),
                   bid(61, 2, 2, 1_000_000, "Baidu"), person(3)]  # fmt: skip
        self.assertEqual(self.of("q15", records),
                         {(DAY,): (4, 1, 2, 1, 2, 1, 2, 1, 2, 1, 1, 1)})  # fmt: skip
        self.assertEqual(self.of("q16", records), {
            ("Apple", DAY): ("00:00", 3, 1, 2, 0, 2, 1, 2, 0, 1, 1, 1, 0),
            ("Baidu", DAY): ("00:01", 1, 0, 0, 1, 1, 0, 0, 1, 1, 0, 0, 1),
        })  # fmt: skip

    def test_statistics_of_an_auction(self) -> None:
        rows = self.of("q17", [bid(0, price=1), bid(1, price=10_000), bid(2, price=1_000_000)])
        self.assertEqual(rows, {
            (1, DAY): (3, 1, 1, 1, 1, 1_000_000, 1_010_001, Decimal("336667.00")),
        })  # fmt: skip

    def test_an_average_in_the_steps_that_a_system_takes(self) -> None:
        # 2.0049999995: rounded to six digits it is 2.005.
        prices = [{"id_vendedor": "a", "moeda": "BRL", "metodo_pagamento": "pix",
                   "valor": Decimal(value)} for value in ("2.009999999", "2")]  # fmt: skip
        self.assertEqual(self.of("statement", prices)["a",][4], Decimal("2.00"))
        self.assertEqual(self.of("statement", prices, digits=6)["a",][4], Decimal("2.01"))

    def test_what_shuffle_keeps_of_an_id(self) -> None:
        records = [{"id": 7, "selector": selector, "value": value, "ts": ts}
                   for selector, value, ts in ((19, 5, 30), (0, 6, 10), (20, 9, 50))]  # fmt: skip
        self.assertEqual(self.of("shuffle", records), {(7,): (2, 11, 10, 30)})

    def test_every_statement_reads_the_topic_and_grace_that_it_is_told(self) -> None:
        for job in JOBS.values():
            told = " ".join(job.kstream("another_topic", 77))
            self.assertIn("another_topic", told, job.name)
            self.assertEqual("grace =>" in told, "INTERVAL '77 seconds'" in told, job.name)
        left_out = {path.stem for path in SHAPES.glob("nexmark_q*.sql")} & {
            f"nexmark_{name}" for name in LEFT_OUT}  # fmt: skip
        self.assertEqual(left_out, set())


    def test_times_as_different_systems_write_them(self) -> None:
        texts = ("2023-11-14T00:00:01.5Z", "2023-11-14T00:00:01.500", "2023-11-14T00:00:01.500000Z")
        self.assertEqual({milliseconds(text) for text in texts}, {DAY + 1_500})


class Results(unittest.TestCase):
    """The judge, of q12: bidder 1 has a window that has closed, and one that is open."""

    RECORDS = (bid(5), bid(6), bid(15), person(17))
    CLOSED = {"bidder": 1, "bid_count": 2, "starttime": "2023-11-14T00:00:00Z",
              "endtime": "2023-11-14T00:00:10Z"}  # fmt: skip
    OPEN = CLOSED | {"bid_count": 1, "starttime": "2023-11-14T00:00:10",
                     "endtime": "2023-11-14T00:00:20"}  # fmt: skip

    def results(self, job: str, rows: list[dict | None]) -> judge.Results:
        def read_records(_brokers, _topic, each, _patience) -> None:
            for offset, row in enumerate(rows):
                value = None if row is None else json.dumps(row).encode()
                each(Record(0, 10 + offset, 0, b"key", value))

        with mock.patch.object(judge, "read_records", read_records):
            return judge.Results(JOBS[job], "topic", keep=True)

    def complaint(self, rows: list[dict | None]) -> str | None:
        expected = Expected.of(recounted("q12", list(self.RECORDS)), None)
        self.assertEqual((len(expected.rows), expected.needed()), (2, 1))
        return self.results("q12", rows).complaint(expected)

    def test_a_window_is_open_until_the_log_has_gone_well_beyond_it(self) -> None:
        # Its end and the grace are at 14, and the last two seconds are anybody's.
        for newest, needed in ((15.999, 0), (16, 1)):
            expected = Expected.of(recounted("q12", [bid(5), person(newest)]), None)
            self.assertEqual(expected.needed(), needed)

    def test_right(self) -> None:
        self.assertIsNone(self.complaint([self.CLOSED]))
        self.assertIsNone(self.complaint([self.OPEN, self.CLOSED]))

    def test_wrong(self) -> None:
        for rows, said in (
            ([], "nothing found"),
            ([self.OPEN], "nothing found"),
            ([self.CLOSED | {"bid_count": 1}], "bid_count 2 expected"),
            ([self.CLOSED, self.OPEN | {"bid_count": 2}], "bid_count 2 found"),
            ([self.CLOSED, self.CLOSED], "published twice"),
            ([self.CLOSED, self.CLOSED | {"bidder": 9}], "nothing expected"),
            ([self.CLOSED, None], "tombstone"),
            ([self.CLOSED | {"more": 1}], "columns"),
            ([{name: value for name, value in self.CLOSED.items() if name != "endtime"}],
             "columns"),
        ):  # fmt: skip
            with self.subTest(said=said, rows=rows):
                self.assertIn(said, self.complaint(rows) or "")

    def test_a_row_is_there_since_it_last_changed(self) -> None:
        counted = recounted("shuffle", [{"id": 7, "selector": 0, "value": 1, "ts": DAY}] * 2)
        one, both = ({"id": 7, "records": n, "total": n, "first": "2023-11-14T00:00:00Z",
                      "last": "2023-11-14T00:00:00.0Z"} for n in (1, 2))  # fmt: skip
        results = self.results("shuffle", [one, both, both])
        expected = Expected.of(counted, None)
        self.assertIsNone(results.complaint(expected))
        self.assertEqual(results.last_offsets(expected)[:2], [11, -1])


class Latency(unittest.TestCase):
    def watched(self, ends: list[tuple[float, int]]) -> Watch:
        """What looks have seen of the end of partition 0."""
        watch = Watch("topic", 1, 1)
        for moment, end in ends:
            watch.looks.append(Look(moment, 0, 0))
            watch._ends[0].append(end)
        return watch

    def published(self, rows: list[tuple]) -> list[judge.Published]:
        return [judge.Published((1,), row, 0, offset) for offset, row in enumerate(rows)]

    def test_the_look_that_sees_a_record_is_the_first_whose_end_is_behind_it(self) -> None:
        watch = self.watched([(1.0, 2), (2.0, 3)])
        self.assertEqual([watch.look_at(0, offset) for offset in (1, 2, 3)],
                         [Look(1.0, 0, 0), Look(2.0, 0, 0), None])  # fmt: skip

    def test_of_records(self) -> None:
        job = JOBS["shuffle"]
        arrivals = latency.Arrivals(job.recount(GRACE_S))
        for partition, came in ((0, 1_000), (0, 1_300), (1, 1_100)):
            arrivals.add({"id": 1, "selector": 0, "value": 1, "ts": 0}, partition, came)
        results = self.published([(2, 0, 0, 0), (3, 0, 0, 0)])
        watch = self.watched([(1.2, 1), (1.5, 2)])
        found = latency.latencies(job, results, watch, arrivals, 0, since=0)
        self.assertEqual([round(wait) for wait in found], [100, 200, 200])
        later = latency.latencies(job, results, watch, arrivals, 0, since=1.3)
        self.assertEqual([round(wait) for wait in later], [200])

    def test_of_windows(self) -> None:
        job = JOBS["q7"]
        arrivals = latency.Arrivals(job.recount(GRACE_S))
        events: Iterator = (
            (partition, second, came)
            for partition in range(6) for second, came in ((13, 1_000), (14, 2_000 + partition))
        )  # fmt: skip
        for partition, second, came in events:
            arrivals.add(person(second), partition, came)
        results = self.published([(DAY + 10_000, 1), (DAY + 20_000, 1)])
        found = latency.latencies(job, results, self.watched([(2.1, 2)]), arrivals,
                                  GRACE_S * 1000, since=0)  # fmt: skip
        # With its last record the sixth partition has passed the end and the grace of the first.
        self.assertEqual([round(wait) for wait in found], [2_100 - 2_005])


class Tables(unittest.TestCase):
    def test_a_system_that_was_wrong_once_is_wrong(self) -> None:
        options = SimpleNamespace(job=JOBS["q5"], systems=["kstream"], rounds=2, records=100,
                                  out_of_order="0", grace_s=4)  # fmt: skip
        rounds = [{"system": "kstream", "seconds": s, "cpu_seconds": 1.0, "memory_mib": 10.0,
                   "right": right, "complaint": None} for s, right in ((1.0, True), (3.0, False))]
        self.assertIn("| kstream | exactly-once | 2.0 | 50 | 1.0 | 100 | 10 | WRONG |",
                      report.throughput(rounds, options))  # fmt: skip
        self.assertEqual(measure.share([1, 2, 3, 4], 0.5), 2)
        self.assertEqual(measure.share([1], 0.99), 1)


if __name__ == "__main__":
    unittest.main()
