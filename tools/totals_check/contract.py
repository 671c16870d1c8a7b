"""What a source record is worth: docs/RECORDS.md as code.

Written from that page alone and from nothing of kstream's own code, so that an error has to be made
twice to go unseen. Standard library only; every number is an integer or a decimal text.

A verdict has two ways to be reached. `judge` follows the page step by step and is the definition.
`quick` sees most records of a healthy topic in a few microseconds and answers None whenever
anything about a record is unusual; tests/integration/test_check_totals.py holds it against `judge`.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass, field

REASONS = (
    "encoding", "depth", "json", "not_object", "duplicate_field", "missing_field",
    "group_type", "group_size", "number_type", "scale", "range",
)  # fmt: skip
MAX_DEPTH = 64
MAX_GROUP_BYTES = 1024
MIN_UNITS, MAX_UNITS = -(2**127), 2**127 - 1


class Number(str):
    """A JSON number, as its digits stand in the record."""

    __slots__ = ()


class BadRecord(Exception):
    """The record breaks the contract: the reason, and the field that it is about, if any."""

    def __init__(self, reason: str, about: str | None = None) -> None:
        super().__init__(reason)
        self.reason = reason
        self.field = about


@dataclass(frozen=True)
class Aggregate:
    kind: str  # "sum" or "count"
    input: str  # "" for a count
    output: str


@dataclass(frozen=True)
class Job:
    """What is grouped and summed; the default is `kstream aggregate`'s own."""

    group_by: tuple[str, ...] = ("id_vendedor",)
    aggregates: tuple[Aggregate, ...] = (
        Aggregate("sum", "valor", "valor_total_por_vendedor"),
        Aggregate("count", "", "numero_transacoes"),
    )
    scale: int = 9

    @property
    def summed(self) -> tuple[str, ...]:
        return tuple(a.input for a in self.aggregates if a.kind == "sum")

    @property
    def count_name(self) -> str | None:
        return next((a.output for a in self.aggregates if a.kind == "count"), None)


# One group-by value: its JSON type ("string", "number", "boolean") and its canonical text.
GroupValue = tuple[str, str]
Group = tuple[GroupValue, ...]


@dataclass
class Total:
    count: int = 0
    units: list[int] = field(default_factory=list)  # one per summed field, in the job's order

    def add(self, other: "Total") -> None:
        self.count += other.count
        self.units = [a + b for a, b in zip(self.units, other.units)] if self.units else other.units


# ---- numbers -------------------------------------------------------------------------------------

_NUMBER = re.compile(r"(-?)([0-9]+)(?:\.([0-9]+))?(?:[eE]([+-]?)([0-9]+))?")


def units_of(number: str, scale: int) -> int:
    """The number times 10^scale as an integer; raises where that is not exact or out of range."""
    found = _NUMBER.fullmatch(number)
    assert found, f"not a JSON number: {number!r}"
    sign, whole, fraction, exponent_sign, exponent_digits = found.groups()
    fraction = fraction or ""
    digits = (whole + fraction).lstrip("0")
    mantissa = digits.rstrip("0")
    if not mantissa:
        return 0
    # Past 18 digits an exponent outweighs any text that fits into a record, and Python refuses to
    # read integers of thousands of digits.
    exponent_digits = (exponent_digits or "").lstrip("0")
    exponent = 10**18 if len(exponent_digits) > 18 else int(exponent_digits or "0")
    if exponent_sign == "-":
        exponent = -exponent
    exponent += len(digits) - len(mantissa) - len(fraction)
    if exponent < -scale:
        raise BadRecord("scale")
    if len(mantissa) + exponent + scale > 39:  # 2^127 has 39 digits
        raise BadRecord("range")
    units = int(sign + mantissa) * 10 ** (exponent + scale)
    if not MIN_UNITS <= units <= MAX_UNITS:
        raise BadRecord("range")
    return units


def plain_text(units: int, scale: int, least_fraction: int = 0) -> str:
    """The shortest plain decimal of `units`, with at least so many digits of fraction."""
    digits = str(abs(units)).zfill(scale + 1)
    whole, fraction = (digits[:-scale], digits[-scale:]) if scale else (digits, "")
    fraction = fraction.rstrip("0").ljust(least_fraction, "0")
    return ("-" if units < 0 else "") + whole + ("." + fraction if fraction else "")


# ---- the contract, step by step ------------------------------------------------------------------


def _refuse_constant(name: str) -> None:
    raise ValueError(name)  # NaN and Infinity, which Python would take


def _too_deep(text: str) -> bool:
    depth = 0
    at = 0
    while at < len(text):
        c = text[at]
        if c == '"':
            at += 1
            while at < len(text) and text[at] != '"':
                at += 2 if text[at] == "\\" else 1
        elif c in "{[":
            depth += 1
            if depth > MAX_DEPTH:
                return True
        elif c in "}]":
            depth -= 1
        at += 1
    return False


class _Members(list):
    """An object as its (name, value) pairs, so that it is not taken for an array."""


def _strings(value: object) -> list[str]:
    found: list[str] = []
    rest = [value]
    while rest:
        one = rest.pop()
        if isinstance(one, _Members):
            for name, member in one:
                found.append(name)
                rest.append(member)
        elif isinstance(one, list):
            rest.extend(one)
        elif isinstance(one, str):
            found.append(one)
    return found


_SURROGATE = re.compile("[\ud800-\udfff]")
_STRICT = json.JSONDecoder(
    object_pairs_hook=_Members,
    parse_int=Number,
    parse_float=Number,
    parse_constant=_refuse_constant,
)


def _group_value(value: object, scale: int) -> GroupValue:
    if isinstance(value, bool):
        return "boolean", "true" if value else "false"
    if isinstance(value, Number):
        return "number", plain_text(units_of(value, scale), scale)
    if isinstance(value, str):
        if len(value.encode()) > MAX_GROUP_BYTES:
            raise BadRecord("group_size")
        return "string", value
    raise BadRecord("group_type")


def _summed_units(value: object, scale: int) -> int:
    if not isinstance(value, Number):
        raise BadRecord("number_type")
    return units_of(value, scale)


def judge(value: bytes, job: Job) -> tuple[Group, list[int]]:
    """The group and the units of the summed fields, or BadRecord with the reason."""
    try:
        text = value.decode("utf-8")
    except UnicodeDecodeError:
        raise BadRecord("encoding") from None
    if _too_deep(text):
        raise BadRecord("depth")
    try:
        document = _STRICT.decode(text)
    except ValueError:
        raise BadRecord("json") from None
    if any(_SURROGATE.search(string) for string in _strings(document)):
        raise BadRecord("encoding")
    if not isinstance(document, _Members):
        raise BadRecord("not_object")
    names = [name for name, _ in document]
    wanted = (*job.group_by, *job.summed)
    for name in wanted:
        if names.count(name) > 1:
            raise BadRecord("duplicate_field", name)
    for name in wanted:
        if name not in names:
            raise BadRecord("missing_field", name)
    members = dict(document)
    group, units = [], []
    at = ""
    try:
        for at in job.group_by:
            group.append(_group_value(members[at], job.scale))
        for at in job.summed:
            units.append(_summed_units(members[at], job.scale))
    except BadRecord as bad:
        raise BadRecord(bad.reason, at) from None
    return tuple(group), units


# ---- totals of many records ----------------------------------------------------------------------


class Totals:
    """Totals per group of all records fed to it."""

    def __init__(self, job: Job) -> None:
        self.job = job
        self.by_group: dict[Group, Total] = {}
        self._quick: dict[tuple[str, int], list[int]] = {}  # (seller, digits) -> [sum, count]
        decoder = json.JSONDecoder(
            parse_int=Number, parse_float=Number, parse_constant=_refuse_constant
        )
        self._scan = decoder.scan_once
        # The quick way knows one string to group by and one field to sum: the common job.
        self._quick_fields = (
            (job.group_by[0], job.summed[0])
            if len(job.group_by) == 1
            and len(job.summed) == 1
            and job.group_by != job.summed
            and all(re.fullmatch(r"[a-zA-Z0-9_ ]+", n) for n in (*job.group_by, *job.summed))
            else None
        )

    def add(self, value: bytes) -> None:
        """Raises BadRecord, and then nothing has changed."""
        group, units = judge(value, self.job)
        self._merge(group, Total(1, units))

    def _merge(self, group: Group, total: Total) -> None:
        self.by_group.setdefault(group, Total()).add(total)

    def add_plain(self, texts: list[str]) -> list[int]:
        """Adds texts of printable ASCII without a backslash, which are their own value.

        Returns the indexes of those that the quick way does not decide: nothing of them is added.
        """
        if not self._quick_fields:
            return list(range(len(texts)))
        group_name, sum_name = self._quick_fields
        quoted_group, quoted_sum = f'"{group_name}"', f'"{sum_name}"'
        scan, quick, scale = self._scan, self._quick, self.job.scale
        undecided = []
        for index, text in enumerate(texts):
            try:
                record, end = scan(text, 0)
                # Without escapes there is one way to spell a name: once is no duplicate.
                if (
                    end != len(text)
                    or text.count(quoted_group) != 1
                    or text.count(quoted_sum) != 1
                    or text.count("{") + text.count("[") > MAX_DEPTH
                ):
                    undecided.append(index)
                    continue
                group, number = record[group_name], record[sum_name]
                whole, _, fraction = number.partition(".")
                if (
                    type(group) is not str
                    or type(number) is not Number
                    or len(group) > MAX_GROUP_BYTES
                    or len(fraction) > scale
                    or len(whole) + scale > 38  # well inside of 128 bits
                ):
                    undecided.append(index)
                    continue
                value = int(whole + fraction)
            except (ValueError, KeyError, TypeError, AttributeError, StopIteration, RecursionError):
                undecided.append(index)
                continue
            slot = quick.get((group, len(fraction)))
            if slot is None:
                slot = quick[group, len(fraction)] = [0, 0]
            slot[0] += value
            slot[1] += 1
        return undecided

    def finish(self) -> dict[Group, Total]:
        for (group, digits), (value, count) in self._quick.items():
            units = value * 10 ** (self.job.scale - digits)
            self._merge((("string", group),), Total(count, [units]))
        self._quick.clear()
        return self.by_group


# ---- what is published ---------------------------------------------------------------------------


def _json_value(value: GroupValue) -> str:
    return json.dumps(value[1], ensure_ascii=False) if value[0] == "string" else value[1]


def result_key(group: Group) -> bytes:
    if len(group) == 1 and group[0][0] == "string" and not group[0][1].startswith("["):
        return group[0][1].encode()
    return ("[" + ",".join(map(_json_value, group)) + "]").encode()


def result_value(job: Job, group: Group, total: Total) -> bytes:
    members = [
        json.dumps(name, ensure_ascii=False) + ":" + _json_value(value)
        for name, value in zip(job.group_by, group)
    ]
    sums = iter(total.units)
    for aggregate in job.aggregates:
        text = (
            plain_text(next(sums), job.scale, least_fraction=2)
            if aggregate.kind == "sum"
            else str(total.count)
        )
        members.append(json.dumps(aggregate.output, ensure_ascii=False) + ":" + text)
    return ("{" + ",".join(members) + "}").encode()
