#!/usr/bin/env python3
"""Writes the figures of docs/RELIABILITY.md from the results ledger.

    report.py --write   puts the tables between their marks anew
    report.py           exit code 1 when they are not what the ledger says; says as well when the
                        code that exactly-once rests on has changed since they were written

What stands between a line `<!-- figures: NAME -->` and the next `<!-- end -->` belongs to this
program, the rest of the page to people. Runs from a tree that was not committed do not count.
"""

from __future__ import annotations

import difflib
import re
import sys
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

sys.path.insert(0, str(Path(__file__).resolve().parent))
import ledger  # noqa: E402

PAGE = ledger.ROOT / "docs" / "RELIABILITY.md"
# Of which code the last column of `reached` is.
CODE = re.compile(r"<!-- code: (\w+) -->")
MARKED = re.compile(r"(<!-- figures: ([\w-]+) -->\n).*?(<!-- end -->\n)", re.S)

Runs = list[dict]
# Of a machine with two cores that does nothing else: a run by itself makes 8 to 14, for each worker
# that starts has threads for every broker.
MAX_LOAD = 16.0


def percentile(values: list[float], share: float) -> float | None:
    """The nearest rank."""
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(share * len(ordered)))] if ordered else None


def seconds(value: float | None) -> str:
    return "none yet" if value is None else f"{value:.1f} s"


def done(runs: Runs, *kinds: str) -> int:
    return sum(r["faults"].get(kind, {}).get("evidence", 0) for r in runs for kind in kinds)


def recoveries(runs: Runs, times: str) -> list[float]:
    """After kills that nothing else disturbed, neither another fault nor other work."""
    return [
        s for r in runs
        if r["profile"] == "workers" and r["settings"]["times"] == times
        and r["load_average"] <= MAX_LOAD
        for s in r["recovery_s"]
    ]  # fmt: skip


def counted(entries: Runs, kind: str) -> Runs:
    return [e for e in entries if e["kind"] == kind and not e.get("dirty")]


def table(head: list[str], rows: list[list[str]]) -> str:
    lines = [head, ["---"] * len(head), *rows]
    return "".join("| " + " | ".join(line) + " |\n" for line in lines)


class Measure(NamedTuple):
    """One figure that has a target."""

    what: str
    target: float
    figure: Callable[[Runs], float | None]
    at_most: bool = False  # a time: the target is what it must not be above

    def said(self, entries: Runs) -> str:
        figure = self.figure(entries)
        return seconds(figure) if self.at_most else f"{figure:,}"

    def met(self, entries: Runs, share: float) -> bool:
        """Of a count, `share` of its target is enough."""
        figure = self.figure(entries)
        if self.at_most:
            return figure is not None and figure <= self.target
        return figure is not None and figure >= self.target * share


def exact(entries: Runs) -> Runs:
    return [r for r in counted(entries, "chaos") if r["verdict"] == "exact"]


def faults_of(*kinds: str) -> Callable[[Runs], float]:
    return lambda entries: done(exact(entries), *kinds)


def recovery(times: str, share: float) -> Callable[[Runs], float | None]:
    return lambda entries: percentile(recoveries(exact(entries), times), share)


MEASURES = (
    Measure("simulated histories that count", 1_000_000,
            lambda entries: sum(e["counted"] for e in counted(entries, "sim"))),
    Measure("records of random statements judged by PostgreSQL too", 1_000_000,
            lambda entries: sum(e["records"] for e in counted(entries, "oracle"))),
    Measure("workers killed (SIGKILL)", 300, faults_of("worker_kill")),
    Measure("zombies (SIGSTOP past the session, SIGCONT)", 60, faults_of("worker_stop")),
    Measure("brokers killed (SIGKILL), and back", 40, faults_of("broker_kill")),
    Measure("coordinators moved", 30, faults_of("group_coordinator", "transaction_coordinator")),
    Measure("EndTxn held until its producer had gone on", 30, faults_of("late_commit")),
    Measure("records through chaos, checked in full", 20_000_000,
            lambda entries: sum(r["records"] for r in exact(entries))),
    Measure("executions of the record decoder by a fuzzer", 100_000_000,
            lambda entries: sum(e["executions"] for e in counted(entries, "fuzz")
                                if e["target"] == "record_decoder")),
    Measure("executions of all fuzzers with sanitizers", 100_000_000,
            lambda entries: sum(e["executions"] for e in counted(entries, "fuzz")
                                if e["preset"] == "fuzz-asan")),
    Measure("recovery after a kill, stock times, p50", 9, recovery("stock", 0.5), at_most=True),
    Measure("the same, p99", 30, recovery("stock", 0.99), at_most=True),
    Measure("recovery after a kill, short times, p50", 3, recovery("short", 0.5), at_most=True),
    Measure("the same, p99", 12, recovery("short", 0.99), at_most=True),
)  # fmt: skip
# Of a target, on each state of the code: docs/RELIABILITY.md says when all of it is taken again.
TENTH = 0.1


def reached(entries: Runs, code: str) -> str:
    here = [e for e in entries if e.get("code") == code]

    def row(measure: Measure) -> list[str]:
        target = seconds(measure.target) if measure.at_most else f"{measure.target:,}"
        verdicts = [measure.met(entries, 1), measure.met(here, TENTH)]
        met, here_met = ("yes" if verdict else "no" for verdict in verdicts)
        return [measure.what, target, measure.said(entries), met, measure.said(here), here_met]

    head = ["measure", "target", "reached, all code", "met", "reached, this code", "a tenth met"]
    text = table(head, [row(measure) for measure in MEASURES])
    runs = exact(entries)
    minutes = sum(r["minutes"] for r in runs)
    broken = len(counted(entries, "chaos")) - len(runs)
    return text + (
        f"\n{len(runs)} runs, {minutes:g} minutes of faults; {broken} more runs did not end"
        f" exact: see below. Runs of this code: {len(exact(here))}.\n<!-- code: {code} -->\n"
    )


def faults(entries: Runs, _: str) -> str:
    runs = counted(entries, "chaos")
    profiles = sorted({r["profile"] for r in runs})
    kinds = sorted({kind for r in runs for kind in r["faults"]})
    rows = [
        [kind, *(str(done([r for r in runs if r["profile"] == p], kind) or "") for p in profiles)]
        for kind in kinds
    ]
    return table(["fault, with evidence", *profiles], rows)


def runs(entries: Runs, _: str) -> str:
    rows = [
        [
            r["at"][:16].replace("T", " "), f"`{r['commit']}`", r["profile"],
            r["settings"]["times"], str(r["seed"]), f"{r['minutes']:g}", f"{r['records']:,}",
            str(done([r], *r["faults"])), seconds(percentile(r["recovery_s"], 0.5)),
            seconds(percentile(r["recovery_s"], 1.0)), str(r["load_average"]), r["verdict"],
        ]
        for r in counted(entries, "chaos")
    ]  # fmt: skip
    head = ["run (UTC)", "commit", "profile", "times", "seed", "minutes", "records", "faults",
            "recovery p50", "longest", "load", "verdict"]  # fmt: skip
    return table(head, rows)


def simulation(entries: Runs, _: str) -> str:
    rows = [
        [e["at"][:16].replace("T", " "), f"`{e['commit']}`", f"{e['first']:,}", f"{e['seeds']:,}",
         f"{e['counted_share']:.1%}", str(e["misses"]), f"{e['seeds_per_core_second']:.0f}"]
        for e in counted(entries, "sim")
    ]  # fmt: skip
    if not rows:
        return "No campaign is in the ledger yet.\n"
    head = ["campaign (UTC)", "commit", "first seed", "histories", "of those counted", "misses",
            "per second of a core"]  # fmt: skip
    return table(head, rows)


def oracle(entries: Runs, _: str) -> str:
    rows = [
        [e["at"][:16].replace("T", " "), f"`{e['commit']}`", f"{e['first']:,}",
         f"{e['statements']:,}", f"{e['records']:,}", f"{e['records_aggregated']:,}",
         f"{e['rows']:,}", str(e["differences"])]
        for e in counted(entries, "oracle")
    ]  # fmt: skip
    if not rows:
        return "No campaign is in the ledger yet.\n"
    head = ["campaign (UTC)", "commit", "first seed", "statements", "records judged",
            "of those used", "rows", "differences"]  # fmt: skip
    return table(head, rows)


def planted(entries: Runs, _: str) -> str:
    """The last word on each bug."""
    last = {bug["name"]: bug for e in counted(entries, "planted") for bug in e["bugs"]}
    if not last:
        return "None is in the ledger yet.\n"
    rows = [[f"`{b['name']}`", b["scenario"], b["caught_by"] or "**not caught**"]
            for b in sorted(last.values(), key=lambda b: b["name"])]  # fmt: skip
    caught = sum(bool(b["caught_by"]) for b in last.values())
    return table(["planted bug", "scenario", "caught by"], rows) + (
        f"\n{caught} of {len(last)} caught on the real cluster.\n"
    )


SECTIONS: dict[str, Callable[[Runs, str], str]] = {
    each.__name__: each for each in (reached, faults, runs, simulation, oracle, planted)
}


def written(page: str, entries: Runs, code: str) -> str:
    return MARKED.sub(lambda m: m[1] + "\n" + SECTIONS[m[2]](entries, code) + "\n" + m[3], page)


def main(arguments: list[str]) -> int:
    page = PAGE.read_text(encoding="utf-8")
    now = ledger.code()
    if arguments == ["--write"]:
        PAGE.write_text(written(page, ledger.read(), now), encoding="utf-8")
        return 0
    if arguments:
        sys.exit(__doc__)
    mark = CODE.search(page)
    new = written(page, ledger.read(), mark[1] if mark else now)
    diff = list(difflib.unified_diff(page.splitlines(), new.splitlines(), lineterm="", n=0))
    print("\n".join(diff[:20]) or "docs/RELIABILITY.md is what the ledger says")
    if mark and mark[1] != now:
        print(f"its column of this code is stale: it is of {mark[1]}, the code here is {now}")
    return 1 if diff else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
