#!/usr/bin/env python3
"""Writes the figures of docs/RELIABILITY.md from the results ledger.

    report.py --write   puts the tables between their marks anew
    report.py           exit code 1 when they are not what the ledger says

What stands between a line `<!-- figures: NAME -->` and the next `<!-- end -->` belongs to this
program, the rest of the page to people. Runs from a tree that was not committed do not count.
"""

from __future__ import annotations

import difflib
import re
import sys
from collections.abc import Callable
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent))
import ledger  # noqa: E402

PAGE = ledger.ROOT / "docs" / "RELIABILITY.md"
MARKED = re.compile(r"(<!-- figures: ([\w-]+) -->\n).*?(<!-- end -->\n)", re.S)

Runs = list[dict]
# Of a machine with two cores that does nothing else: a run by itself makes 8 to 14, for each worker
# that starts has threads for every broker.
MOST_LOAD = 16.0


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
        and r["load_average"] <= MOST_LOAD
        for s in r["recovery_s"]
    ]  # fmt: skip


def counted(entries: Runs, kind: str) -> Runs:
    return [e for e in entries if e["kind"] == kind and not e.get("dirty")]


def table(head: list[str], rows: list[list[str]]) -> str:
    lines = [head, ["---"] * len(head), *rows]
    return "".join("| " + " | ".join(line) + " |\n" for line in lines)


def reached(entries: Runs) -> str:
    runs = [r for r in counted(entries, "chaos") if r["verdict"] == "exact"]
    broken = [r for r in counted(entries, "chaos") if r["verdict"] != "exact"]
    sims = counted(entries, "sim")
    fuzzed = [e["executions"] for e in counted(entries, "fuzz") if e["target"] == "record_decoder"]

    def row(what: str, target: int, found: int) -> list[str]:
        return [what, f"{target:,}", f"{found:,}", "yes" if found >= target else "no"]

    def quick(what: str, times: str, share: float, target: float) -> list[str]:
        values = recoveries(runs, times)
        found = percentile(values, share)
        verdict = "yes" if found is not None and found <= target else "no"
        return [f"{what}, of {len(values)}", f"{target:g} s", seconds(found), verdict]

    rows = [
        row("simulated histories that count", 1_000_000, sum(s["counted"] for s in sims)),
        row("workers killed (SIGKILL)", 300, done(runs, "worker_kill")),
        row("zombies (SIGSTOP past the session, SIGCONT)", 60, done(runs, "worker_stop")),
        row("brokers killed (SIGKILL), and back", 40, done(runs, "broker_kill")),
        row("coordinators moved", 30, done(runs, "group_coordinator", "transaction_coordinator")),
        row("EndTxn held until its producer had gone on", 30, done(runs, "late_commit")),
        row("records through chaos, checked in full", 20_000_000, sum(r["records"] for r in runs)),
        row("executions of the record decoder by a fuzzer", 100_000_000, sum(fuzzed)),
        quick("recovery after a kill, stock times, p50", "stock", 0.5, 9),
        quick("the same, p99", "stock", 0.99, 30),
        quick("recovery after a kill, short times, p50", "short", 0.5, 3),
        quick("the same, p99", "short", 0.99, 12),
    ]
    text = table(["measure", "target", "reached", "met"], rows)
    minutes = sum(r["minutes"] for r in runs)
    return text + (
        f"\n{len(runs)} runs, {minutes:g} minutes of faults; {len(broken)} more runs did not end"
        " exact: see below.\n"
    )


def faults(entries: Runs) -> str:
    runs = counted(entries, "chaos")
    profiles = sorted({r["profile"] for r in runs})
    kinds = sorted({kind for r in runs for kind in r["faults"]})
    rows = [
        [kind, *(str(done([r for r in runs if r["profile"] == p], kind) or "") for p in profiles)]
        for kind in kinds
    ]
    return table(["fault, with evidence", *profiles], rows)


def runs(entries: Runs) -> str:
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


def simulation(entries: Runs) -> str:
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


def planted(entries: Runs) -> str:
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


SECTIONS: dict[str, Callable[[Runs], str]] = {
    each.__name__: each for each in (reached, faults, runs, simulation, planted)
}


def written(page: str, entries: Runs) -> str:
    return MARKED.sub(lambda m: m[1] + "\n" + SECTIONS[m[2]](entries) + "\n" + m[3], page)


def main(arguments: list[str]) -> int:
    page = PAGE.read_text(encoding="utf-8")
    new = written(page, ledger.read())
    if arguments == ["--write"]:
        PAGE.write_text(new, encoding="utf-8")
        return 0
    if arguments:
        sys.exit(__doc__)
    diff = list(difflib.unified_diff(page.splitlines(), new.splitlines(), lineterm="", n=0))
    print("\n".join(diff[:20]) or "docs/RELIABILITY.md is what the ledger says")
    return 1 if diff else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
