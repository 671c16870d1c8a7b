"""What every run has, whatever it does: its faults with their evidence, and what came of whom."""

from __future__ import annotations

import argparse
import random
import time
from collections import Counter

from harness import cluster, statement
from harness.case import IntegrationTest
from profiles import Profile
from reader import Reader
from totals_check.compare import Report
from totals_check.console import Record, read_records
from totals_check.contract import Job
from workers import Fleet

JUDGE_SECONDS = 300.0


class Run(IntegrationTest):
    """One run, as a test: names, logs, processes and the checker are those of the others."""

    options: argparse.Namespace
    profile: Profile
    query = ""  # its job as a statement; without, the default job

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
        self.figures: Counter[str] = Counter()  # of the judge
        self.started = time.time()

    def names(self) -> list[str]:
        """As the commands of a job take them; a statement names its source itself."""
        if not self.query:
            return super().names()
        return ["--application-id", self.application, "--output-topic", self.results,
                "--query", self.query]  # fmt: skip

    def note_fault(self, kind: str, began: float, evidence: dict[str, object] | None) -> None:
        self.counts[kind]["evidence"] += evidence is not None
        seconds = time.time() - began
        self.trace.append({"at": round(began - self.started, 2), "kind": kind,
                           "seconds": round(seconds, 2), "evidence": evidence})  # fmt: skip

    def judge_results(self) -> int:
        """What is published, by somebody who shares no code with kstream; the sum of its counts."""
        return self.judge_statement() if self.query else self.judge_totals()

    def judge_totals(self) -> int:
        report = self.check()
        self.count(report)
        self.assertEqual(report.differences, [], report.figures)
        return int(str(report.figures["published_count"]))

    def judge_statement(self) -> int:
        found = statement.judge(self, self.names(), JUDGE_SECONDS)
        published = read_records(cluster.BROKERS, self.results, lambda _: None, JUDGE_SECONDS)
        self.figures.update(source_records=sum(found.verdicts.values()),
                            bad_records=found.verdicts.get("bad", 0),
                            result_records=published)  # fmt: skip
        self.figures.update({name: found.verdicts.get(name, 0) for name in ("late", "duplicate")})
        self.figures["advances"] += found.advances
        self.judge_set_aside("dead-letters", found.verdicts.get("bad", 0))
        if self.profile.windows:
            self.judge_set_aside("late", found.verdicts.get("late", 0))
        self.assertEqual(found.ours, found.theirs)
        return sum(int(str(dict(row)[Job().count_name])) for row in found.rows)

    def judge_set_aside(self, role: str, wanted: int) -> None:
        """Each record that PostgreSQL sets aside there is there, and once."""
        topic = f"{self.application}-{role}"
        copies: Counter[tuple[str | bytes | None, ...]] = Counter()

        def look(copy: Record) -> None:
            about = dict(copy.headers)
            copies[about["kstream.source.partition"], about["kstream.source.offset"]] += 1

        read_records(cluster.BROKERS, topic, look, JUDGE_SECONDS)
        self.assertEqual([at for at, times in copies.items() if times > 1], [], topic)
        self.assertEqual(len(copies), wanted, f"records in {topic} against PostgreSQL's")

    def count(self, report: Report) -> None:
        """What went through the chaos, by the checker."""
        for name in ("source_records", "bad_records", "result_records"):
            self.figures[name] += int(str(report.figures.get(name, 0)))

    def require_evidence(self) -> None:
        """A run in which nothing has happened shows nothing."""
        for kind in self.profile.certain:
            self.assertGreater(self.counts[kind]["evidence"], 0, f"no {kind} has left evidence")
        # Of what the kinds of a run ask for, each was there.
        shown = {"copies": ("late", "duplicate"), "silent_partitions": ("advances",)}
        for name in [name for kind in self.profile.certain for name in shown.get(kind, ())]:
            self.assertGreater(self.figures[name], 0, f"nothing in this run: {name}")
