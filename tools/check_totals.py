#!/usr/bin/env python3
"""Recomputes the totals of a job from its source topic and compares them with what it published.

    check_totals.py                               the default job on the cluster of cluster.sh
    check_totals.py --application-id A -t SOURCE --output-topic RESULTS
    check_totals.py --group-by FIELD --sum FIELD=NAME --count NAME

Shares nothing with kstream: it is written from docs/RECORDS.md, stands on Python's standard
library, adds integers, and reads what Kafka's own console consumer prints with read_committed.
Compared are, both ways:

  - the last result of each key, byte for byte, and that every record of a key stands in its
    partition, whatever replaces it;
  - that no key's count ever falls in the history of the results topic;
  - that the counts of all keys sum to the number of valid records;
  - the dead letters: one for each bad record, its bytes unchanged, the headers as they should be.

Give it the job's options as `kstream aggregate` has them. The job may be running; it has to have
caught up. Prints `exact` or each difference. Exit codes: 0 exact, 1 not, 2 wrong option, 3 a topic
could not be read.
"""

from __future__ import annotations

import argparse
import json
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent))
from totals_check.compare import Comparison, Report  # noqa: E402
from totals_check.console import ReadError, Record, read_records, read_values  # noqa: E402
from totals_check.contract import Aggregate, Job  # noqa: E402
from totals_check.log_ends import Extent, Log, NoSuchTopic, NotNow  # noqa: E402

BROKERS = "localhost:29092,localhost:39092,localhost:49092"
ASK_AGAIN_SECONDS = 0.2


def patiently(question: Callable[[], object], patience: float) -> object:
    deadline = time.monotonic() + patience
    while True:
        try:
            return question()
        except NotNow as error:
            if time.monotonic() > deadline:
                raise ReadError(str(error)) from error
        time.sleep(ASK_AGAIN_SECONDS)


def settled(log: Log, topic: str, patience: float) -> dict[int, Extent]:
    """The extents of a topic, after any transaction that is open now has ended."""

    def ask() -> dict[int, Extent]:
        extents = log.extents(topic)
        if any(extent.pending for extent in extents.values()):
            raise NotNow(f"{topic}: a transaction stays open")
        return extents

    return patiently(ask, patience)  # type: ignore[return-value]


class Reading(threading.Thread):
    """Reads a small topic while the source is being read; `records` waits for it."""

    def __init__(
        self, brokers: str, topic: str, extents: dict[int, Extent], patience: float
    ) -> None:
        super().__init__(daemon=True)
        self._arguments = (brokers, topic)
        self._patience = patience
        self._extents = extents
        self._records: list[Record] = []
        self._problem: Exception | None = None
        self.start()

    def run(self) -> None:
        try:
            read_records(*self._arguments, self._records.append, self._patience, self._extents)
        except Exception as error:  # handed over to whoever asks for the records
            self._problem = error

    def records(self) -> list[Record]:
        self.join()
        if self._problem:
            raise self._problem
        return self._records


def after(extents: dict[int, Extent], base: dict[int, int]) -> dict[int, Extent]:
    return {
        p: Extent(min(max(e.start, base.get(p, e.start)), e.end), e.end, e.pending)
        for p, e in extents.items()
    }


def check(options: argparse.Namespace) -> Report:
    log = Log(options.brokers)
    patience = options.patience

    def extents_of(topic: str) -> dict[int, Extent]:
        return settled(log, topic, patience)

    results_extents = extents_of(options.output_topic)
    letters_topic = options.dead_letter_topic or options.application_id + "-dead-letters"
    try:
        letters_extents = extents_of(letters_topic)
    except NoSuchTopic:
        if options.on_bad_record == "dead-letter":
            raise
        letters_extents = {}
    source_extents = after(extents_of(options.topic), dict(options.base))
    results = Reading(options.brokers, options.output_topic, results_extents, patience)
    letters = Reading(options.brokers, letters_topic, letters_extents, patience)

    def comparison() -> Comparison:
        return Comparison(
            options.job, options.topic, options.on_bad_record, len(results_extents)
        )

    # Where no bad record is to be expected the coordinates of the records are not needed, and the
    # console consumer is three times as fast without them.
    found = comparison()
    decided = False
    if not options.base and all(e.start == e.end for e in letters_extents.values()):
        good = True

        def each(texts: list[str | None]) -> None:
            nonlocal good
            good = good and found.source_values(texts)

        expected = sum(e.end - e.start for e in source_extents.values())
        decided = read_values(options.brokers, options.topic, expected, each, patience) and good
    if not decided:
        found = comparison()
        read_records(options.brokers, options.topic, found.source, patience, source_extents)
    for record in results.records():
        found.result(record)
    for record in letters.records():
        found.dead_letter(record)
    return found.report()


# ---- command line --------------------------------------------------------------------------------


class AddAggregate(argparse.Action):
    """--sum and --count make one list, in the order in which they are given."""

    def __call__(
        self,
        parser: argparse.ArgumentParser,
        namespace: argparse.Namespace,
        values: object,
        option_string: str | None = None,
    ) -> None:
        aggregates = getattr(namespace, "aggregates", None) or []
        if option_string == "--count":
            aggregates.append(Aggregate("count", "", str(values)))
        else:
            name, _, output = str(values).partition("=")
            aggregates.append(Aggregate("sum", name, output or f"sum_{name}"))
        namespace.aggregates = aggregates


def partition_offset(text: str) -> tuple[int, int]:
    partition, _, offset = text.partition("=")
    return int(partition), int(offset)


def parse_arguments(arguments: list[str]) -> argparse.Namespace:
    assert __doc__
    parser = argparse.ArgumentParser(
        description=__doc__.split("\n")[0], epilog="Exit codes: 0 exact, 1 not, 3 not readable."
    )
    add = parser.add_argument
    add("-b", "--brokers", default=BROKERS, metavar="HOST:PORT,...")
    add("--application-id", default="kstream", metavar="NAME")
    add("-t", "--topic", default="financial_transactions", help="source topic")
    add("--output-topic", default="aggregated_transactions", help="results topic")
    add("--dead-letter-topic", metavar="TOPIC", help="default: <application-id>-dead-letters")
    add("--group-by", action="append", metavar="FIELD")
    add("--sum", action=AddAggregate, metavar="FIELD[=NAME]")
    add("--count", action=AddAggregate, nargs="?", const="count", metavar="NAME")
    add("--scale", type=int, default=9)
    add("--on-bad-record", choices=["dead-letter", "skip"], default="dead-letter")
    add(
        "--base",
        action="append",
        type=partition_offset,
        default=[],
        metavar="PARTITION=OFFSET",
        help="the job began there, for --from latest or a time",
    )
    add("--patience", type=float, default=60.0, metavar="SECONDS", help="longest silence allowed")
    add("--json", action="store_true", help="report as one JSON object")
    options = parser.parse_args(arguments)
    aggregates = getattr(options, "aggregates", None)
    options.job = Job(scale=options.scale)
    if options.group_by or aggregates:
        if not options.group_by or not aggregates:
            parser.error("a job needs --group-by and at least one of --sum and --count")
        options.job = Job(tuple(options.group_by), tuple(aggregates), options.scale)
    return options


def print_report(report: Report, seconds: float) -> None:
    figures = report.figures
    print(
        f"source: {figures['source_records']} records, {figures['valid_records']} valid, "
        f"{figures['bad_records']} bad, {figures['tombstones']} tombstones"
    )
    print(
        f"published: {figures['keys']} keys expected, counts sum to {figures['published_count']}, "
        f"{figures['result_records']} result records, {figures['dead_letters']} dead letters"
    )
    for difference in report.differences:
        print(f"differs: {difference}")
    for kind, number in report.more.items():
        print(f"differs: and {number} more of kind '{kind}'")
    print(("exact" if report.exact else "NOT exact") + f" ({seconds:.1f} s)")


def main(arguments: list[str]) -> int:
    options = parse_arguments(arguments)
    started = time.monotonic()
    try:
        report = check(options)
    except NoSuchTopic as error:
        print(f"error: topic {error} does not exist", file=sys.stderr)
        return 3
    except (ReadError, NotNow, OSError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 3
    seconds = time.monotonic() - started
    if options.json:
        print(
            json.dumps(
                {
                    "exact": report.exact,
                    "differences": report.differences,
                    "more": report.more,
                    **report.figures,
                    "totals": report.totals,
                    "seconds": round(seconds, 3),
                }
            )
        )
    else:
        print_report(report, seconds)
    return 0 if report.exact else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
