"""Data alone ends no job: amounts at the limit, batches of very many bad records, large keys."""

from __future__ import annotations

import json

from harness.case import IntegrationTest
from harness.records import Wanted, write

PARALLEL = True

MOST = "170141183460469231731687303715.884105727"  # 2^127 - 1 units at the scale of 9


def sale(seller: str, amount: str) -> Wanted:
    return Wanted(f'{{"id_vendedor":{json.dumps(seller)},"valor":{amount}}}'.encode())


class HostileData(IntegrationTest):
    def test_sums_leave_128_bits(self) -> None:
        """Two such records stopped a job for ever, in the map loop or in the totals loop."""
        self.create_topics()
        write(self.source, 0, [sale("a", MOST), sale("a", MOST), sale("b", f"-{MOST}")])
        self.settle()
        self.assert_exact(count=3)
        # From the changelog, in another step and of another partition.
        write(self.source, 1, [sale("a", MOST), sale("b", f"-{MOST}"), sale("c", "0.01")])
        self.settle()
        self.assert_exact(count=6)
        self.start("audit", *self.names(), name="audit").expect(0, 60)
        # And back.
        write(self.source, 2, [sale("a", f"-{MOST}")] * 3 + [sale("b", MOST)] * 2)
        self.settle()
        self.assert_exact(count=11)
        self.start("audit", *self.names(), name="audit").expect(0, 60)

    def test_one_batch_of_very_many_bad_records(self) -> None:
        self.create_topics()
        write(self.source, 0, [Wanted(b"")] * 100_000 + [sale("a", "1")])
        self.settle()
        report = self.assert_exact(count=1)
        self.assertEqual(report.figures["dead_letters"], 100_000)

    def test_keys_whose_results_are_large(self) -> None:
        self.create_topics()
        for number in range(20):
            keys = ("\x01" * 1000 + f"{number}-{i}" for i in range(100))
            write(self.source, number % 6, [sale(key, "1") for key in keys])
        self.settle()
        self.assert_exact(count=2000)
