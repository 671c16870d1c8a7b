#!/usr/bin/env python3
"""Checks that the figures of docs/RELIABILITY.md are what the results ledger says.

    check_reliability.py              exit code 1 when they are not
    check_reliability.py --self-test  changes a figure, and an entry, and sees it
"""

import sys
import unittest
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "chaos"))
sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "sim"))
import campaign  # noqa: E402

import report  # noqa: E402

PAGE = "".join(f"<!-- figures: {name} -->\n<!-- end -->\n" for name in report.SECTIONS)
CODE = "c0de"
RUN = {
    "kind": "chaos", "at": "2026-01-02T03:04:05Z", "commit": "abc", "code": CODE, "dirty": [],
    "profile": "workers", "seed": 1, "minutes": 5, "records": 1000, "verdict": "exact",
    "settings": {"times": "short"}, "recovery_s": [1.5, 2.5], "load_average": 1.0,
    "faults": {"worker_kill": {"tried": 3, "evidence": 2}},
}  # fmt: skip

# As tests/oracle/statements.py writes it.
ORACLE = {
    "kind": "oracle", "at": "2026-01-02T03:04:05Z", "commit": "abc", "dirty": [], "first": 7,
    "statements": 500, "records": 12000, "records_aggregated": 5000, "records_bad": 3900,
    "records_filtered": 3000, "records_late": 100, "rows": 900, "differences": 0,
}  # fmt: skip

# As tests/sim/campaign.py writes it.
CAMPAIGN = {
    "kind": "sim", "at": "2026-01-02T03:04:05Z", "commit": "abc", "dirty": [],
    **campaign.entry([{"seeds": 1000, "counted": 900, "misses": 0},
                      {"seeds": 500, "counted": 430, "misses": 2}], 77, 10.0),
}  # fmt: skip
SAID = """5 seeds, 1 records, 0 simulated hours, 3 events in 1.0 s: 5 seeds a second on 1 threads
4 seeds (80.0%) count: at least 50 commits, 2 takeovers, 1 abort, drained

FAILED seed 3: the count of v0 went back from 1 to 0

1 of 5 histories failed
"""


class Written(unittest.TestCase):
    def test_is_stable(self) -> None:
        page = report.written(PAGE, [RUN], CODE)
        self.assertEqual(report.written(page, [RUN], CODE), page)

    def test_says_what_the_ledger_says(self) -> None:
        page = report.written(PAGE, [RUN], CODE)
        self.assertIn("| workers killed (SIGKILL) | 300 | 2 | no | 2 | no |", page)
        self.assertNotEqual(report.written(page, [RUN, RUN], CODE), page)
        self.assertNotEqual(report.written(PAGE, [RUN | {"records": 2000}], CODE), page)

    def test_statements_against_postgresql(self) -> None:
        page = report.written(PAGE, [ORACLE], CODE)
        self.assertIn("| 2026-01-02 03:04 | `abc` | 7 | 500 | 12,000 | 5,000 | 900 | 0 |", page)
        self.assertIn("judged by PostgreSQL too | 1,000,000 | 12,000 | no |", page)

    def test_other_code_counts_for_all_code_only(self) -> None:
        run = RUN | {"faults": {"worker_kill": {"tried": 300, "evidence": 300}}}
        page = report.written(PAGE, [run], CODE)
        self.assertIn("| workers killed (SIGKILL) | 300 | 300 | yes | 300 | yes |", page)
        page = report.written(PAGE, [run | {"code": "other"}], CODE)
        self.assertIn("| workers killed (SIGKILL) | 300 | 300 | yes | 0 | no |", page)
        del run["code"]
        page = report.written(PAGE, [run], CODE)
        self.assertIn("| workers killed (SIGKILL) | 300 | 300 | yes | 0 | no |", page)

    def test_a_tenth_of_a_target_is_enough_on_this_code(self) -> None:
        for kills, met in ((29, "no"), (30, "yes")):
            run = RUN | {"faults": {"worker_kill": {"tried": kills, "evidence": kills}}}
            page = report.written(PAGE, [run], CODE)
            self.assertIn(f"killed (SIGKILL) | 300 | {kills} | no | {kills} | {met} |", page)

    def test_a_dirty_tree_does_not_count(self) -> None:
        clean = report.written(PAGE, [RUN], CODE)
        dirty = RUN | {"dirty": ["src/main.cpp"]}
        self.assertEqual(report.written(PAGE, [RUN, dirty], CODE), clean)

    def test_a_broken_run_is_shown_and_does_not_count(self) -> None:
        page = report.written(PAGE, [RUN | {"verdict": "broken"}], CODE)
        self.assertIn("| workers killed (SIGKILL) | 300 | 0 | no | 0 | no |", page)
        self.assertIn("| broken |", page)

    def test_a_campaign_of_the_simulator_is_shown(self) -> None:
        page = report.written(PAGE, [CAMPAIGN], CODE)
        self.assertIn("| `abc` | 77 | 1,500 | 88.7% | 2 | 150 |", page)
        self.assertIn("| simulated histories that count | 1,000,000 | 1,330 | no | 0 | no |", page)

    def test_a_campaign_of_a_dirty_tree_does_not_count(self) -> None:
        page = report.written(PAGE, [CAMPAIGN | {"dirty": ["src/main.cpp"]}], CODE)
        self.assertIn("| simulated histories that count | 1,000,000 | 0 | no | 0 | no |", page)
        self.assertIn("No campaign is in the ledger yet.", page)

    def test_a_campaign_is_read_off_what_it_says(self) -> None:
        self.assertEqual(campaign.figures(SAID), {"seeds": 5, "counted": 4, "misses": 1})
        with self.assertRaises(ValueError):
            campaign.figures(SAID.replace("of 5 histories", ""))


if __name__ == "__main__":
    if sys.argv[1:] == ["--self-test"]:
        unittest.main(argv=sys.argv[:1])
    sys.exit(report.main(sys.argv[1:]))
