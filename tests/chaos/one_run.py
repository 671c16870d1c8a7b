"""What every run has, whatever it does: its faults with their evidence, and what came of whom."""

from __future__ import annotations

import argparse
import random
import time
from collections import Counter

from harness.case import IntegrationTest
from profiles import Profile
from reader import Reader
from totals_check.compare import Report
from workers import Fleet


class Run(IntegrationTest):
    """One run, as a test: names, logs, processes and the checker are those of the others."""

    options: argparse.Namespace
    profile: Profile

    def id(self) -> str:
        return f"chaos.{self.options.profile}-{self.options.seed}"

    def setUp(self) -> None:
        super().setUp()
        self.dice = random.Random(self.options.seed)
        self.counts = {kind: {"tried": 0, "evidence": 0} for kind in self.profile.kinds}
        self.trace: list[dict[str, object]] = []
        self.trouble: list[str] = []
        self.fleets: list[Fleet] = []
        self.readers: list[Reader] = []
        self.figures: Counter[str] = Counter()  # of the checker
        self.started = time.time()

    def note_fault(self, kind: str, began: float, evidence: dict[str, object] | None) -> None:
        self.counts[kind]["evidence"] += evidence is not None
        seconds = time.time() - began
        self.trace.append({"at": round(began - self.started, 2), "kind": kind,
                           "seconds": round(seconds, 2), "evidence": evidence})  # fmt: skip

    def count(self, report: Report) -> None:
        """What went through the chaos, by the checker."""
        for name in ("source_records", "bad_records", "result_records"):
            self.figures[name] += int(str(report.figures.get(name, 0)))

    def require_evidence(self) -> None:
        """A run in which nothing has happened shows nothing."""
        for kind in self.profile.certain:
            self.assertGreater(self.counts[kind]["evidence"], 0, f"no {kind} has left evidence")
