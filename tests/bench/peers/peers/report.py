"""Tables of what was measured."""

from __future__ import annotations

import statistics
from collections.abc import Callable

from .measure import Options
from .systems import SYSTEMS


def _table(found: list[dict], options: Options, head: str, columns: dict[str, Callable]) -> str:
    """A row for each system: its guarantee, the columns (from its figures' medians), and whether
    it was right in all rounds."""
    lines = [
        f"{options.job.about}: {head}, median of {options.rounds}",
        "",
        f"| system | guarantee | {' | '.join(columns)} | results |",
        f"|---|---|{'---:|' * len(columns)}---|",
    ]
    for system in options.systems:
        rounds = [one for one in found if one["system"] == system]
        figures = {
            name: statistics.median(one[name] for one in rounds)
            for name, value in rounds[0].items()
            if isinstance(value, (int, float)) and not isinstance(value, bool)
        }
        right = "right" if all(one["right"] for one in rounds) else "WRONG"
        cells = [column(figures) for column in columns.values()]
        lines.append(f"| {system} | {SYSTEMS[system].guarantee} | {' | '.join(cells)} | {right} |")
    return "\n".join(lines)


def _of_records(options: Options) -> str:
    text = f"{options.records:,} records"
    if options.job.shape == "transactions":
        return f"{text}, {options.sellers} sellers"
    return f"{text}, {options.out_of_order} out of order, grace {options.grace_s} s"


def throughput(found: list[dict], options: Options) -> str:
    return _table(found, options, _of_records(options), {
        "seconds": lambda f: f"{f['seconds']:.1f}",
        "records/s": lambda f: f"{options.records / f['seconds']:,.0f}",
        "CPU s": lambda f: f"{f['cpu_seconds']:.1f}",
        "records per CPU s": lambda f: f"{options.records / f['cpu_seconds']:,.0f}",
        "MiB": lambda f: f"{f['memory_mib']:,.0f}",
    })  # fmt: skip


def latency(found: list[dict], options: Options) -> str:
    return _table(found, options, f"{options.rate:,} records/s for {options.seconds} s", {
        "p50 ms": lambda f: f"{f['p50_ms']:,.0f}",
        "p99 ms": lambda f: f"{f['p99_ms']:,.0f}",
        "longest ms": lambda f: f"{f['longest_ms']:,.0f}",
        "waits": lambda f: f"{f['waits']:,.0f}",
    })  # fmt: skip


def recovery(found: list[dict], options: Options) -> str:
    return _table(found, options, f"killed at {options.rate:,} records/s", {
        "seconds to the next result": lambda f: f"{f['seconds']:.2f}",
    })  # fmt: skip
