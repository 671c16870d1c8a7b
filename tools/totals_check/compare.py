"""Compares what a job has published with what it should have published.

Pure: records in, differences out. Feed all source records, then all records of the results topic
and of the dead-letter topic, each in the order of its offsets per partition, then ask `report`.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable
from dataclasses import dataclass, field

from .console import Record, unescape
from .contract import BadRecord, Group, Job, Number, Total, Totals, plain_text
from .contract import result_key, result_value

# A dead letter may leave something out only where the record itself could hardly be copied.
MIN_STUB_BYTES = 900_000
REASON = "kstream.reason"
MAX_DIFFERENCES = 20  # of each kind; the rest are counted


@dataclass
class Report:
    differences: list[str] = field(default_factory=list)
    more: dict[str, int] = field(default_factory=dict)  # kind -> differences not listed
    figures: dict[str, object] = field(default_factory=dict)
    totals: list[dict[str, str]] = field(default_factory=list)

    @property
    def exact(self) -> bool:
        return not self.differences


def murmur2(data: bytes) -> int:
    """As Kafka's clients hash keys."""
    m, mask = 0x5BD1E995, 0xFFFFFFFF
    h = (0x9747B28C ^ len(data)) & mask
    whole = len(data) & ~3
    for at in range(0, whole, 4):
        k = int.from_bytes(data[at : at + 4], "little") * m & mask
        k = (k ^ (k >> 24)) * m & mask
        h = (h * m & mask) ^ k
    if len(data) > whole:
        h = (h ^ int.from_bytes(data[whole:], "little")) * m & mask
    h = (h ^ (h >> 13)) * m & mask
    return h ^ (h >> 15)


def partition_of(key: bytes, partitions: int) -> int:
    return (murmur2(key) & 0x7FFFFFFF) % partitions


def show(data: bytes | None) -> str:
    return "null" if data is None else repr(data)[1:] if len(data) < 200 else f"{len(data)} bytes"


@dataclass(frozen=True)
class _Letter:
    """What a dead letter has to look like."""

    reason: str
    about: str | None  # the field
    source: Record


class Comparison:
    def __init__(
        self,
        job: Job,
        source_topic: str = "financial_transactions",
        policy: str = "dead-letter",
        results_partitions: int | None = None,
    ) -> None:
        self.job = job
        self.source_topic = source_topic
        self.policy = policy
        self.results_partitions = results_partitions
        self._totals = Totals(job)
        self._report = Report()
        self._found: dict[str, int] = {}
        self.source_records = 0
        self.tombstones = 0
        self._bad: dict[tuple[int, int], _Letter] = {}
        self.bad_by_reason: dict[str, int] = {}
        self.result_records = 0
        self._last: dict[bytes, Record] = {}
        self._count_seen: dict[bytes, int] = {}
        self._letters: dict[tuple[int, int], int] = {}
        self.dead_letters = 0

    # ---- the three topics ------------------------------------------------------------------------

    def source(self, record: Record) -> None:
        self.source_records += 1
        if record.value is None:
            self.tombstones += 1
            return
        try:
            self._totals.add(record.value)
        except BadRecord as bad:
            self._bad[record.partition, record.offset] = _Letter(bad.reason, bad.field, record)
            self.bad_by_reason[bad.reason] = self.bad_by_reason.get(bad.reason, 0) + 1

    def source_values(self, texts: list[str | None]) -> bool:
        """Many values as the console prints them, coordinates unknown. False when one of them is a
        bad record, whose coordinates are then needed: begin anew with `source`."""
        plain: list[str] = []
        for text in texts:
            self.source_records += 1
            if text is None:
                self.tombstones += 1
            elif "\\" in text:
                try:
                    self._totals.add(unescape(text))
                except BadRecord:
                    return False
            else:
                plain.append(text)
        for index in self._totals.add_plain(plain):
            try:
                self._totals.add(plain[index].encode())
            except BadRecord:
                return False
        return True

    def result(self, record: Record) -> None:
        self.result_records += 1
        where = f"result {record.partition}@{record.offset}"
        if record.key is None:
            self._differs("result form", f"{where} has no key")
            return
        name = show(record.key)
        if self.results_partitions:
            right = partition_of(record.key, self.results_partitions)
            if record.partition != right:
                self._differs(
                    "partition",
                    f"{where}: key {name} is in partition {record.partition}, not {right}",
                )
        last = self._last.get(record.key)
        if last is not None and last.partition != record.partition:
            self._differs(
                "partition", f"{where}: key {name} stands in partition {last.partition} as well"
            )
        elif last is not None and last.offset >= record.offset:
            raise ValueError(f"{where} comes after offset {last.offset}")
        self._last[record.key] = record
        if record.value is None:  # deleted, by a reset: its count may begin anew
            self._count_seen.pop(record.key, None)
            return
        members = self._members(record.value)
        if members is None:
            self._differs("result form", f"{where}: {show(record.value)} is no JSON object")
            return
        self._check_count(where, name, record.key, members)

    def dead_letter(self, record: Record) -> None:
        self.dead_letters += 1
        where = f"dead letter {record.partition}@{record.offset}"
        names = [n for n, _ in record.headers]
        # The last kstream.reason divides the source record's own headers from those about it.
        first = len(names) - 1 - names[::-1].index(REASON) if REASON in names else 0
        headers = {n: (v or b"").decode("utf-8", "replace") for n, v in record.headers[first:]}
        try:
            at = int(headers["kstream.source.partition"]), int(headers["kstream.source.offset"])
        except (KeyError, ValueError):
            self._differs("dead letter", f"{where} does not say which record it is: {headers}")
            return
        origin = f"{where}, of source {at[0]}@{at[1]}"
        letter = self._bad.get(at)
        if letter is None or self.policy != "dead-letter":
            self._differs("dead letter", f"{origin}: there should be none")
            return
        self._letters[at] = self._letters.get(at, 0) + 1
        if self._letters[at] > 1:
            self._differs("dead letter", f"{origin}: stands there {self._letters[at]} times")
        source = letter.source
        expected = {
            REASON: letter.reason,
            "kstream.source.topic": self.source_topic,
            "kstream.source.partition": str(at[0]),
            "kstream.source.offset": str(at[1]),
            "kstream.source.timestamp": str(source.timestamp),
        }
        if letter.about is not None:
            expected["kstream.field"] = letter.about
        key, value, own = source.key, source.value, source.headers
        size = len(source.key or b"") + len(source.value or b"")
        if source.headers and "kstream.source.headers" in headers:
            whole = size + sum(len(n.encode()) + len(v or b"") for n, v in source.headers)
            if whole < MIN_STUB_BYTES:
                self._differs("dead letter", f"{origin}: without its headers, for {whole} bytes")
            expected["kstream.source.headers"] = str(len(source.headers))
            own = ()
        if "kstream.stub" in headers:
            if size < MIN_STUB_BYTES:
                self._differs("dead letter", f"{origin}: a stub, for {size} bytes")
            expected |= {
                "kstream.stub": "true",
                "kstream.source.key.bytes": str(len(source.key or b"")),
                "kstream.source.value.bytes": str(len(source.value or b"")),
                "kstream.source.value.sha256": hashlib.sha256(source.value or b"").hexdigest(),
            }
            key, value = None, b""
        if record.headers[:first] != own:
            self._differs(
                "dead letter",
                f"{origin}: own headers {record.headers[:first]}, not {own}",
            )
        if len(headers) != len(record.headers) - first:
            self._differs("dead letter", f"{origin}: a header stands there twice")
        for name in expected.keys() | headers.keys():
            if headers.get(name) != expected.get(name):
                self._differs(
                    "dead letter",
                    f"{origin}: header {name} is {headers.get(name)}, not {expected.get(name)}",
                )
        if record.key != key:
            self._differs("dead letter", f"{origin}: key {show(record.key)}, not {show(key)}")
        if record.value != value:
            self._differs("dead letter", f"{origin}: value {show(record.value)}, not {show(value)}")

    # ---- the verdict -----------------------------------------------------------------------------

    def report(self) -> Report:
        totals = self._totals.finish()
        expected = {result_key(group): (group, total) for group, total in totals.items()}
        published = 0
        for key in sorted(expected.keys() | self._last.keys()):
            record = self._last.get(key)
            if record is not None and record.value is not None:
                published += self._count_seen.get(key, 0)
            self._compare_key(key, expected.get(key), record)
        valid = sum(total.count for total in totals.values())
        if self.job.count_name and published != valid:
            self._differs(
                "count", f"the counts of all keys sum to {published}, valid records are {valid}"
            )
        if self.policy == "dead-letter":
            for at in sorted(self._bad.keys() - self._letters.keys()):
                reason = self._bad[at].reason
                self._differs("dead letter", f"source {at[0]}@{at[1]} ({reason}) has none")
        report = self._report
        report.more = {
            kind: found - MAX_DIFFERENCES
            for kind, found in self._found.items()
            if found > MAX_DIFFERENCES
        }
        report.figures = {
            "source_records": self.source_records,
            "valid_records": valid,
            "bad_records": sum(self.bad_by_reason.values()),
            "bad_by_reason": dict(sorted(self.bad_by_reason.items())),
            "tombstones": self.tombstones,
            "keys": len(expected),
            "published_count": published if self.job.count_name else None,
            "result_records": self.result_records,
            "dead_letters": self.dead_letters,
        }
        report.totals = [self._row(*expected[key]) for key in sorted(expected)]
        return report

    def _row(self, group: Group, total: Total) -> dict[str, str]:
        row = {name: value for name, (_, value) in zip(self.job.group_by, group)}
        sums = iter(total.units)
        for one in self.job.aggregates:
            row[one.output] = (
                plain_text(next(sums), self.job.scale, 2) if one.kind == "sum" else str(total.count)
            )
        return row

    def _compare_key(
        self, key: bytes, expected: tuple[Group, Total] | None, record: Record | None
    ) -> None:
        name = show(key)
        published = record.value if record is not None else None
        if expected is None:
            if published is not None:
                self._differs("key", f"key {name} has a result and no records")
            return
        if published is None:
            self._differs("key", f"key {name} has no result")
            return
        wanted = result_value(self.job, *expected)
        if published == wanted:
            return
        members, right_members = self._members(published), self._members(wanted)
        wrong = [
            f"{n} is {(members or {}).get(n)}, not {v}"
            for n, v in (right_members or {}).items()
            if (members or {}).get(n) != v
        ]
        self._differs(
            "total",
            f"key {name}: " + ("; ".join(wrong) or f"{show(published)}, not {show(wanted)}"),
        )

    def _check_count(
        self, where: str, name: str, key: bytes, members: dict[str, object]
    ) -> None:
        if not self.job.count_name:
            return
        text = members.get(self.job.count_name)
        if not isinstance(text, Number) or not text.isdigit():
            self._differs("result form", f"{where}: {self.job.count_name} is {text!r}")
            return
        count = int(text)
        before = self._count_seen.get(key, 0)
        if count < before:
            self._differs("history", f"{where}: the count of {name} falls from {before} to {count}")
        self._count_seen[key] = count

    @staticmethod
    def _members(value: bytes) -> dict[str, object] | None:
        try:
            members = json.loads(value, parse_int=Number, parse_float=Number)
        except ValueError:
            return None
        return members if isinstance(members, dict) else None

    def _differs(self, kind: str, text: str) -> None:
        self._found[kind] = self._found.get(kind, 0) + 1
        if self._found[kind] <= MAX_DIFFERENCES:
            self._report.differences.append(text)


def compare(
    job: Job,
    source: Iterable[Record],
    results: Iterable[Record],
    dead_letters: Iterable[Record],
    **options: object,
) -> Report:
    """All of it at once, for records that are at hand."""
    comparison = Comparison(job, **options)  # type: ignore[arg-type]
    for record in source:
        comparison.source(record)
    for record in results:
        comparison.result(record)
    for record in dead_letters:
        comparison.dead_letter(record)
    return comparison.report()
