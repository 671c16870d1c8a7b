#!/usr/bin/env python3
"""Random statements over hostile records: what kstream makes of them and what PostgreSQL does.

    statements.py STATEMENT_CASES [--statements N] [--seed S] [--records N] [--jobs N] [--ledger]

A case is a statement with some records. kstream runs it through its reader and both of its folds;
PostgreSQL runs the script that kstream prints for it, over an export that is written here, by the
contract and without kstream's decoder. Each record has to be used, filtered and bad in both, the
rows have to be equal, and so have the two exports. A difference is made smaller, and printed; what
it came to, when it was mended, stays in kept.json, which every run begins with.

--ledger writes a line to docs/reliability/ledger.jsonl. Exit code 1 for a difference, 77 where no
PostgreSQL is installed."""

from __future__ import annotations

import argparse
import calendar
import decimal
import json
import os
import random
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from decimal import Decimal
from pathlib import Path

import postgres
from expressions import number_token, text_value

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "chaos"))
import ledger  # noqa: E402

KEPT = Path(__file__).with_name("kept.json")
BATCH = 25  # statements for one run of psql
BATCHES = 40  # in one database: what scripts have dropped fills its catalogs
MAX_DEPTH = 64
RESULTS = "-- ==== The results ====\n"


# ---- statements ---------------------------------------------------------------------------------


@dataclass
class Sql:
    """A node of a statement's text: strings and nodes of it, in their order."""

    kind: str
    parts: list[str | Sql]

    def __str__(self) -> str:
        return "".join(map(str, self.parts))

    def below(self) -> Iterator[Sql]:
        for part in self.parts:
            if isinstance(part, Sql):
                yield part
                yield from part.below()

    def smaller(self) -> Iterator[Sql]:
        """The same with something of it left out."""
        for one in self.below():
            if one.kind == self.kind:
                yield one
        for i, part in enumerate(self.parts):
            if isinstance(part, Sql):
                for less in part.smaller():
                    yield Sql(self.kind, [*self.parts[:i], less, *self.parts[i + 1 :]])


@dataclass
class Statement:
    columns: list[tuple[Sql, str]]  # with their names
    groups: list[Sql] = field(default_factory=list)
    where: Sql | None = None
    having: Sql | None = None

    def __str__(self) -> str:
        columns = ", ".join(f'{value} AS "{name}"' for value, name in self.columns)
        text = f"SELECT {columns} FROM t"
        if self.where:
            text += f" WHERE {self.where}"
        if self.groups:
            text += " GROUP BY " + ", ".join(map(str, self.groups))
        return text + (f" HAVING {self.having}" if self.having else "")

    def smaller(self) -> Iterator[Statement]:
        if self.where:
            yield replace(self, where=None)
        if self.having:
            yield replace(self, having=None)
        for i in range(len(self.columns)):
            yield replace(self, columns=[*self.columns[:i], *self.columns[i + 1 :]])
        for i in range(len(self.groups)):
            rest = [*self.groups[:i], *self.groups[i + 1 :]]
            gone = str(self.groups[i])
            yield replace(self, groups=rest,
                          columns=[one for one in self.columns if str(one[0]) != gone])
        for clause in ("where", "having"):
            if getattr(self, clause):
                for less in getattr(self, clause).smaller():
                    yield replace(self, **{clause: less})
        for i, (value, name) in enumerate(self.columns):
            if any(str(value) == str(group) for group in self.groups):
                continue
            for less in value.smaller():
                yield replace(self, columns=[*self.columns[:i], (less, name),
                                             *self.columns[i + 1 :]])
        for i, group in enumerate(self.groups):
            for less in group.smaller():
                columns = [(less if str(value) == str(group) else value, name)
                           for value, name in self.columns]
                yield replace(self, columns=columns,
                              groups=[*self.groups[:i], less, *self.groups[i + 1 :]])


# What a record may have, by the type that a statement takes it for.
FIELDS = {
    "numeric": ["n0", "n1", "o.n", "l[0]", '"Q r".n'],
    "text": ["s0", "s1", "o.s", "l[-1].s"],
    "boolean": ["b0", "o.b"],
    "scalar": ["x0", "o.x", "l[1]"],
    "time": ["t0"],
}  # fmt: skip
ZONES = ["'America/Sao_Paulo'", "'UTC'", "'Asia/Kolkata'", "'America/Havana'", "'Europe/Dublin'"]


class Generator:
    def __init__(self, r: random.Random) -> None:
        self.r = r

    def one(self, kind: str, *choices: Callable[[], list[str | Sql]]) -> Sql:
        return Sql(kind, self.r.choice(choices)())

    def statement(self) -> Statement:
        r = self.r
        groups: list[Sql] = []
        for _ in range(r.choice([0, 1, 1, 1, 2, 2, 3])):
            group = self.group()
            if all(str(group) != str(other) for other in groups):
                groups.append(group)
        columns = [(group, f"g{i}") for i, group in enumerate(groups) if r.random() < 0.9]
        columns += [(self.column(), f"c{i}") for i in range(r.randint(1, 3))]
        made = Statement(columns, groups)
        if r.random() < 0.6:
            made.where = self.boolean(3)
        if r.random() < 0.3:
            made.having = Sql("boolean", [self.result(1), r.choice([" > ", " <= "]), "2"])
        return made

    def path(self, kind: str) -> Sql:
        return Sql(kind, [self.r.choice(FIELDS[kind])])

    def group(self) -> Sql:
        r = self.r
        return self.one(
            "group",
            lambda: [r.choice(FIELDS["scalar"])],
            lambda: [r.choice(FIELDS["scalar"])],
            lambda: [r.choice(["kafka_partition", "kafka_key"])],
            lambda: [self.sure_text(1)],
            lambda: [self.sure_number(2)],
            lambda: [self.boolean(2)],
            lambda: [self.time(1)],
        )

    def number_literal(self) -> Sql:
        return Sql("numeric", [self.r.choice(
            ["0", "1", "2", "-7", "2.50", "-0.001", "1e3", "12345678901234567890", "0.1",
             "170141183460469231731687303715", "1e-9"])])  # fmt: skip

    def text_literal(self) -> Sql:
        text = text_value(self.r).replace("'", "''")
        return Sql("text", [f"'{text}'"])

    # Of a type that nothing else has to say.
    def sure_number(self, depth: int) -> Sql:
        return Sql("numeric", ["(0 + ", self.numeric(depth), ")"])

    def sure_text(self, depth: int) -> Sql:
        return Sql("text", ["('' || ", self.text(depth), ")"])

    def numeric(self, depth: int) -> Sql:
        r = self.r
        if depth <= 0:
            return self.path("numeric") if r.random() < 0.7 else self.number_literal()
        d = depth - 1

        def infix(sign: str) -> Callable[[], list[str | Sql]]:
            return lambda: ["(", self.numeric(d), f" {sign} ", self.numeric(d), ")"]

        def rounded(inner: Callable[[], Sql]) -> Callable[[], list[str | Sql]]:
            name = r.choice(["round", "trunc"])
            return lambda: [f"{name}(", inner(), f", {r.choice([0, 1, 2, 9])})"]

        return self.one(
            "numeric",
            infix("+"), infix("-"), infix("*"), infix("%"),
            lambda: ["(- ", self.numeric(d), ")"],
            lambda: [r.choice(["abs(", "floor(", "ceil("]), self.numeric(d), ")"],
            rounded(lambda: self.numeric(d)), rounded(lambda: self.quotient(d)),
            lambda: [r.choice(["floor(", "ceil("]), self.quotient(d), ")"],
            lambda: self.choice(d, self.sure_number, "NULL::numeric"),
            lambda: ["coalesce(", self.sure_number(d), ", ", self.numeric(d), ")"],
            lambda: ["nullif(", self.sure_number(d), ", ", self.numeric(d), ")"],
            lambda: [r.choice(["greatest(", "least("]), self.sure_number(d), ", ",
                     self.numeric(d), ")"],
            lambda: ["length(", self.text(d), ")"],
            lambda: [self.sure_text(d), "::numeric"],
            lambda: [self.sure_text(d), "::numeric(12, 2)"],
            lambda: [self.path("scalar"), "::numeric"],
            lambda: [f"extract({r.choice(['hour', 'day', 'dow', 'week', 'second'])} FROM ",
                     self.time(d), f" AT TIME ZONE {r.choice(ZONES)})"],
            lambda: ["extract(epoch FROM ", self.time(d), ")"],
        )  # fmt: skip

    def quotient(self, depth: int) -> Sql:
        """Nothing has rounded it."""
        r = self.r
        divided = ["((", self.numeric(depth), ")::numeric / ", self.numeric(depth), ")"]
        inner = Sql("quotient", divided)
        if depth <= 0:
            return inner
        return self.one(
            "quotient",
            lambda: divided, lambda: divided,
            lambda: ["(", inner, r.choice([" + ", " - ", " * "]), self.sure_number(depth - 1), ")"],
            lambda: ["(", self.sure_number(depth - 1), r.choice([" + ", " - ", " * ", " / "]),
                     inner, ")"],
            lambda: [r.choice(["(- ", "abs("]), inner, ")"],
            lambda: ["coalesce(", inner, ", ", self.number_literal(), ")"],
            lambda: ["CASE WHEN ", self.boolean(1), " THEN ", inner, " ELSE 1.5 END"],
        )  # fmt: skip

    def text(self, depth: int) -> Sql:
        r = self.r
        if depth <= 0:
            return self.path("text") if r.random() < 0.6 else self.text_literal()
        d = depth - 1
        return self.one(
            "text",
            lambda: ["(", self.text(d), " || ", self.text(d), ")"],
            lambda: [r.choice(["lower(", "upper("]), self.text(d), ")"],
            lambda: ["substring(", self.text(d), f", {r.randint(-2, 3)}, {r.randint(0, 3)})"],
            lambda: [r.choice(["left(", "right("]), self.text(d), f", {r.randint(-2, 3)})"],
            lambda: ["split_part(", self.text(d), f", ',', {r.choice([-1, 1, 2])})"],
            lambda: ["(", self.numeric(d), ")::text"],
            lambda: ["(", self.boolean(d), ")::text"],
            lambda: [self.path("scalar"), "::text"],
            lambda: ["kafka_key"],
            lambda: self.choice(d, self.sure_text, "NULL::text"),
            lambda: ["coalesce(", self.sure_text(d), ", ", self.text(d), ")"],
            lambda: ["nullif(", self.sure_text(d), ", ", self.text(d), ")"],
        )

    def time(self, depth: int) -> Sql:
        r = self.r
        d = depth - 1
        simple = [lambda: ["kafka_timestamp"], lambda: ["t0::timestamptz"],
                  lambda: ["TIMESTAMPTZ '2024-02-29T23:59:59.5-03:00'"]]  # fmt: skip
        if depth <= 0:
            return self.one("time", *simple)
        units = ["second", "minute", "hour", "day", "week", "month", "quarter", "year"]
        return self.one(
            "time", *simple,
            lambda: ["to_timestamp(", self.numeric(d), ")"],
            lambda: [f"date_trunc('{r.choice(units)}', ", self.time(d), f", {r.choice(ZONES)})"],
            lambda: ["date_bin('15 minutes', ", self.time(d), ", TIMESTAMPTZ '2001-01-01T00:00Z')"],
        )  # fmt: skip

    def boolean(self, depth: int) -> Sql:
        r = self.r
        if depth <= 0:
            return self.one("boolean", lambda: [r.choice(["true", "false"])],
                            lambda: [r.choice(FIELDS["boolean"])],
                            lambda: [r.choice(FIELDS["boolean"])])  # fmt: skip
        d = depth - 1
        sign = r.choice([" = ", " <> ", " < ", " <= ", " > ", " >= "])
        no = r.choice(["", "NOT "])
        pattern = r.choice(["a%", "%b_", "_", "\u00e9%", ""])
        return self.one(
            "boolean",
            lambda: ["(", self.boolean(d), " AND ", self.boolean(d), ")"],
            lambda: ["(", self.boolean(d), " OR ", self.boolean(d), ")"],
            lambda: ["(NOT ", self.boolean(d), ")"],
            lambda: ["(", self.sure_number(d), sign, self.numeric(d), ")"],
            lambda: ["(", self.sure_text(d), sign, self.text(d), ")"],
            lambda: ["(", self.time(d), sign, self.time(d), ")"],
            lambda: ["(", self.sure_number(d), f" IS {no}DISTINCT FROM ", self.numeric(d), ")"],
            lambda: ["(", self.path("scalar"), f" IS {no}NULL)"],
            lambda: ["(", self.numeric(d), f" IS {no}NULL)"],
            lambda: ["(", self.sure_number(d), f" {no}IN (1, ", self.numeric(d), ", 2.5))"],
            lambda: ["(", self.sure_text(d), f" {no}IN ('a', ", self.text(d), "))"],
            lambda: ["(", self.text(d), f" {no}LIKE '", pattern, "')"],
            lambda: ["(", self.sure_number(d), f" {no}BETWEEN ", self.numeric(d), " AND ",
                     self.numeric(d), ")"],
            lambda: ["(", self.boolean(d), f" IS {no}TRUE)"],
            lambda: ["(", self.boolean(d), f" IS {no}FALSE)"],
        )  # fmt: skip

    def choice(self, depth: int, value: Callable[[int], Sql], null: str) -> list[str | Sql]:
        parts: list[str | Sql] = ["CASE"]
        for _ in range(self.r.randint(1, 2)):
            parts += [" WHEN ", self.boolean(depth), " THEN ", value(depth)]
        if self.r.random() < 0.5:
            parts += [" ELSE ", null if self.r.random() < 0.3 else value(depth)]
        return [*parts, " END"]

    def filter(self) -> list[str | Sql]:
        return [" FILTER (WHERE ", self.boolean(2), ")"] if self.r.random() < 0.25 else []

    def aggregate(self) -> Sql:
        r = self.r
        digits = r.choice([0, 2, 3, 12])

        def spread(name: str) -> list[str | Sql]:
            return [f"round({name}(", self.numeric(1), ")", *self.filter(), f", {digits})"]

        return self.one(
            "result",
            lambda: ["count(*)", *self.filter()],
            lambda: ["count(", self.path("scalar"), ")", *self.filter()],
            lambda: ["count(", self.sure_number(1), ")", *self.filter()],
            lambda: ["sum(", self.numeric(r.randint(0, 3)), ")", *self.filter()],
            lambda: ["sum(", self.numeric(0), ")", *self.filter()],
            lambda: ["avg(", self.numeric(1), ")", *self.filter()],
            lambda: ["round(avg(", self.numeric(1), ")", *self.filter(), f", {digits})"],
            lambda: [r.choice(["min(", "max("]), self.sure_number(1), ")", *self.filter()],
            lambda: spread(r.choice(["var_pop", "var_samp", "stddev_pop", "stddev_samp"])),
            lambda: ["count(DISTINCT ", self.path("scalar"), ")", *self.filter()],
            lambda: ["count(DISTINCT ", self.sure_text(1), ")", *self.filter()],
            lambda: [f"percentile_disc({r.choice(['0', '0.5', '0.99', '1'])}) WITHIN GROUP "
                     "(ORDER BY ", self.sure_number(1), ")", *self.filter()],
        )  # fmt: skip

    def column(self) -> Sql:
        r = self.r
        numeric = lambda: [self.result(2)]  # noqa: E731
        return self.one(
            "column", numeric, numeric, numeric, numeric,
            lambda: [r.choice(["min(", "max("]), self.sure_text(1), ")", *self.filter()],
            lambda: [r.choice(["bool_and(", "bool_or("]), self.boolean(1), ")", *self.filter()],
            lambda: [r.choice(["min(", "max("]), self.time(1), ")", *self.filter()],
            lambda: [self.result(1), r.choice([" > ", " <= "]), "1"],
            lambda: ["upper(max(", self.sure_text(0), ")) || (", self.result(0), ")::text"],
        )

    def result(self, depth: int) -> Sql:
        """A number after the aggregation."""
        r = self.r
        if depth <= 0 or r.random() < 0.5:
            return self.aggregate()
        d = depth - 1
        return self.one(
            "result",
            lambda: ["(", self.result(d), r.choice([" + ", " - ", " * "]), self.result(d), ")"],
            lambda: ["round((", self.result(d), ")::numeric / count(*), 2)"],
            lambda: ["round(100 * ", self.result(d), "::numeric / nullif(sum(n0), 0), 1)"],
            lambda: ["CASE WHEN ", self.result(d), " > 1 THEN ", self.result(d), " END"],
            lambda: ["coalesce(", self.result(d), ", 0)"],
        )  # fmt: skip


# ---- records ------------------------------------------------------------------------------------


@dataclass
class Record:
    value: bytes
    key: bytes | None = None
    timestamp: int = -1


def text_token(r: random.Random) -> str:
    text = text_value(r)
    if r.random() < 0.02:
        text += "\0"
    if r.random() < 0.01:
        text *= 300
    if r.random() < 0.05:
        text += r.choice(["\\N", "\t", "\n", "\r", "\\", "\x01", "\x02", '"', "''", ":x", "$$"])
    return json.dumps(text, ensure_ascii=r.random() < 0.5)


def time_token(r: random.Random) -> str:
    seconds = r.choice([r.randrange(0, 4_102_444_800), 1541300400, 1520143200, 1583647200])
    # Around the hours that Havana and Sao Paulo have twice, or not.
    seconds += r.choice([0, 0, 1, 1800, 3600, 3661, -1, -1800])
    moment = time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(max(seconds, 0)))
    return json.dumps(moment + r.choice(["Z", "+00:00", "-03:00", ".5Z", ".9999Z", ""]))


def value_token(r: random.Random, kind: str, tame: bool) -> str | None:
    what = "right" if tame else r.choices(["right", "absent", "null", "other"], [30, 2, 1, 1])[0]
    if what == "absent":
        return None
    if what == "null":
        return "null"
    if what == "other":
        return r.choice(["1", '"1"', "true", "{}", "[]", '{"n":1}', "[[1]]"])
    if kind == "scalar":
        kind = r.choice(["numeric", "text", "text", "boolean"])
    if kind == "boolean":
        return r.choice(["true", "false"])
    if kind == "time":
        return '"2024-03-10T05:30:00Z"' if tame else time_token(r)
    if kind == "text":
        return r.choice(['"a"', '"B"', '"12"', '"a,b"', '"\u00e9"']) if tame else text_token(r)
    return number_token(r) if not tame and r.random() < 0.3 else r.choice(
        [str(r.randint(-3, 9)), "1.0", "2.50", f"{r.randint(-500, 5000) / 100:.2f}"])


def one_record(r: random.Random) -> Record:
    tame = r.random() < 0.6

    def member(name: str, kind: str) -> list[str]:
        token = value_token(r, kind, tame)
        made = [] if token is None else [f"{json.dumps(name)}:{token}"]
        return made * 2 if not tame and r.random() < 0.01 else made

    nested = [*member("n", "numeric"), *member("s", "text"), *member("b", "boolean"),
              *member("x", "scalar")]  # fmt: skip
    members = [*member("n0", "numeric"), *member("n1", "numeric"), *member("s0", "text"),
               *member("s1", "text"), *member("b0", "boolean"), *member("x0", "scalar"),
               *member("t0", "time")]  # fmt: skip
    members += ['"o":{' + ",".join(nested) + "}"] if tame or r.random() < 0.95 else r.choice(
        [[], ['"o":null'], ['"o":5'], ['"o":{"n":1}', '"o":2']])
    listed = [value_token(r, "numeric", tame) or "7", value_token(r, "scalar", tame) or "null",
              '{"s":' + (value_token(r, "text", tame) or "null") + "}"]  # fmt: skip
    if not tame:
        listed = listed[r.randint(0, 1) : r.randint(1, 3)]
    members.append('"l":[' + ",".join(listed) + "]")
    if tame or r.random() < 0.8:
        members.append('"Q r":{"n":' + (value_token(r, "numeric", tame) or "0") + "}")
    if r.random() < 0.3:
        r.shuffle(members)
    value = ("{" + ",".join(members) + "}").encode()
    if not tame and r.random() < 0.05:
        value = r.choice([b"", b"{", b"[]", b"1", b'{"a":\xff}', b'{"a":"\\ud800"}', value + b" x",
                          b'{"n0":01}', b'{"n0":NaN}', b'{"a":' + b"[" * 70 + b"]" * 70 + b"}",
                          b"\xef\xbb\xbf" + value, value[:-1]])  # fmt: skip
    key = None
    if tame or r.random() < 0.8:
        key = b"k" if tame else text_value(r).encode()
    if r.random() < 0.02:
        key = r.choice([b"\xff", b"a\0b", b""])
    moment = 1710048600000 if tame else r.choice(
        [-1, 0, r.randrange(0, 4_102_444_800_000), 253402300799999, 253402300800000])
    return Record(value, key, moment)


# ---- the export, by the contract ----------------------------------------------------------------


class Number(str):
    """A number's token."""

    __slots__ = ()


class Members(list):
    """An object's members, in their order."""


def no_constant(name: str) -> None:
    raise ValueError(name)


def depth_of(text: str) -> int:
    deepest = depth = 0
    in_text = skip = False
    for c in text:
        if skip:
            skip = False
        elif in_text:
            skip = c == "\\"
            in_text = c != '"'
        elif c == '"':
            in_text = True
        elif c in "{[":
            depth += 1
            deepest = max(deepest, depth)
        elif c in "}]":
            depth -= 1
    return deepest


def members_of(value: bytes) -> Members | None:
    """None: no JSON object."""
    try:
        text = value.decode()
        made = json.loads(text, object_pairs_hook=Members, parse_int=Number, parse_float=Number,
                          parse_constant=no_constant)  # fmt: skip
        json.dumps(made, ensure_ascii=False).encode()  # lone surrogates
    except (ValueError, RecursionError):
        return None
    return made if isinstance(made, Members) and depth_of(text) <= MAX_DEPTH else None


def at_path(value: object, path: str) -> tuple[str, str | None]:
    """The kind of what stands there, and its text."""
    steps = json.loads(path)
    for step in steps:
        if isinstance(step, int):
            if not isinstance(value, list) or isinstance(value, Members):
                return "absent", None
            if not -len(value) <= step < len(value):
                return "absent", None
            value = value[step]
            continue
        found = [inner for name, inner in value if name == step] if isinstance(
            value, Members) else []
        if not found:
            return "absent", None
        if len(found) > 1:
            return "repeated", None
        value = found[0]
    if value is None:
        return "null", None
    if isinstance(value, bool):
        return "boolean", "true" if value else "false"
    if isinstance(value, Number):
        return "number", str(value)
    if isinstance(value, str):
        return ("nul_text", None) if "\0" in value else ("string", value)
    return ("object" if isinstance(value, Members) else "array"), None


PATHS = {
    "n0": '["n0"]', "n1": '["n1"]', "o.n": '["o", "n"]', "l[0]": '["l", 0]',
    '"Q r".n': '["Q r", "n"]', "s0": '["s0"]', "s1": '["s1"]', "o.s": '["o", "s"]',
    "l[-1].s": '["l", -1, "s"]', "b0": '["b0"]', "o.b": '["o", "b"]', "x0": '["x0"]',
    "o.x": '["o", "x"]', "l[1]": '["l", 1]', "t0": '["t0"]',
}  # fmt: skip


def copied(text: str | None) -> str:
    if text is None:
        return "\\N"
    for raw, escaped in (("\\", "\\\\"), ("\t", "\\t"), ("\n", "\\n"), ("\r", "\\r")):
        text = text.replace(raw, escaped)
    return text


def outside(text: bytes | None) -> list[str]:
    if text is None:
        return ["absent", "\\N"]
    try:
        decoded = text.decode()
    except UnicodeDecodeError:
        return ["encoding", "\\N"]
    return ["nul_text", "\\N"] if "\0" in decoded else ["string", copied(decoded)]


def wanted_of(script: str) -> list[str]:
    """What each column of the script's table is of: a path's spelling, or kafka_key."""
    table = script[script.index("CREATE TABLE records (") :].split(");\n", 1)
    comments = [line[5:] for line in table[1].splitlines() if line.startswith("--   f")]
    spelled = dict(comment.split(" is ", 1) for comment in comments)
    names = [line.split()[0] for line in table[0].splitlines()[1:]]
    return [spelled.get(name, "kafka_key") for name in names
            if name.startswith("f") and not name.endswith("_kind")]  # fmt: skip


def export_of(records: list[Record], wanted: list[str]) -> list[str]:
    rows = []
    for offset, record in enumerate(records):
        members = members_of(record.value)
        row = ["0", str(offset), copied(None if record.timestamp < 0 else str(record.timestamp)),
               "\\N" if members is not None else "bad"]  # fmt: skip
        for one in wanted:
            if one == "kafka_key":
                row += outside(record.key)
            elif members is None:
                row += ["\\N", "\\N"]
            else:
                kind, text = at_path(members, PATHS[one])
                row += [kind, copied(text)]
        rows.append("\t".join(row))
    return rows


# ---- both sides ---------------------------------------------------------------------------------


@dataclass
class KeptStatement:
    text: str

    def __str__(self) -> str:
        return self.text

    def smaller(self) -> Iterator[Statement]:
        return iter(())


@dataclass
class Case:
    statement: Statement | KeptStatement
    records: list[Record]
    name: str


Answer = dict  # "refused", or "verdicts" and "rows"


class Kstream:
    def __init__(self, program: str) -> None:
        self.process = subprocess.Popen([program], stdin=subprocess.PIPE, stdout=subprocess.PIPE)

    def ask(self, case: Case, file: str) -> Answer:
        assert self.process.stdin and self.process.stdout
        lines = [f"S {str(case.statement).encode().hex()} {file.encode().hex()}"]
        for record in case.records:
            key = "-" if record.key is None else f"x{record.key.hex()}"
            lines.append(f"R x{record.value.hex()} {key} {record.timestamp}")
        self.process.stdin.write(("\n".join([*lines, "E"]) + "\n").encode())
        self.process.stdin.flush()
        line = self.process.stdout.readline()
        if not line:
            raise RuntimeError(f"statement_cases ended: {self.process.wait()}: {case.statement}")
        return json.loads(line, parse_float=Decimal, parse_int=Decimal, object_pairs_hook=Members)

    def close(self) -> None:
        assert self.process.stdin
        self.process.stdin.close()
        if self.process.wait() != 0:
            raise RuntimeError("statement_cases failed at its end")


def comparable(value: object, kind: str) -> object:
    """Numbers by value, times in milliseconds."""
    if value is not None and kind == "timestamptz":
        text = str(value).replace("Z", "+00:00")
        moment = time.strptime(text[:19], "%Y-%m-%dT%H:%M:%S")
        fraction = text[19:].split("+")[0]
        return calendar.timegm(moment) * 1000 + int(Decimal(fraction or "0") * 1000)
    if isinstance(value, bool) or not isinstance(value, Decimal):
        return ("text", value)
    return value.normalize() if value else Decimal(0)


def rows_of(rows: list, types: list[str]) -> list[str]:
    return sorted(
        repr([comparable(value, kind) for (_, value), kind in zip(row, types, strict=True)])
        for row in rows
    )


@dataclass
class Judged:
    difference: str = ""
    refused: str = ""
    verdicts: list[str] = field(default_factory=list)
    rows: int = 0


class Judge:
    """With a database of its own."""

    def __init__(self, program: str, server: postgres.Server, number: int) -> None:
        self.kstream = Kstream(program)
        self.server = server
        self.database = f"judge{number}"
        self.batches = 0

    def all(self, cases: list[Case]) -> list[Judged]:
        files = [f"{self.database}-{i}.tsv" for i in range(len(cases))]
        answers = [dict(self.kstream.ask(*pair)) for pair in zip(cases, files, strict=True)]
        for i, case in enumerate(cases):
            # Jobs that flags can say take U+0000 in a key, which PostgreSQL has not (docs/SQL.md).
            if answers[i].get("flags") and any(b"\\u0000" in one.value for one in case.records):
                case.records = [one for one in case.records if b"\\u0000" not in one.value]
                answers[i] = dict(self.kstream.ask(case, files[i]))
        judged: list[Judged] = []
        scripts: list[str] = []
        for i, (case, answer) in enumerate(zip(cases, answers, strict=True)):
            if "refused" in answer:
                judged.append(Judged(refused=answer["refused"]))
                continue
            export = export_of(case.records, wanted_of(answer["script"]))
            judged.append(Judged(exports_differ(export, answer["export"])))
            file = self.server.folder / files[i]
            file.write_text("".join(f"{row}\n" for row in export), encoding="utf-8", newline="")
            before, select = answer["script"].split(RESULTS)
            scripts.append(f"\\echo == {i}\n{before}\\echo == verdicts\n"
                           "SELECT verdict FROM judged ORDER BY kafka_offset;\n\\echo == rows\n"
                           f"SELECT row_to_json(r) FROM ({select.rstrip().rstrip(';')}) r;\n")
        said = self.server.run("".join(scripts), self.database) if scripts else ""
        for part in self.parts(said):
            index, verdicts, rows = part
            one = judged[index]
            one.verdicts, one.rows = verdicts, len(rows)
            if one.difference:
                continue
            ours = answers[index]
            types = ours["types"]
            if ours["verdicts"] != verdicts:
                at = next(k for k, pair in enumerate(zip(ours["verdicts"], verdicts, strict=True))
                          if pair[0] != pair[1])  # fmt: skip
                one.difference = (f"record {at} is {ours['verdicts'][at]} to kstream, "
                                  f"{verdicts[at]} to PostgreSQL")  # fmt: skip
            elif rows_of(ours["rows"], types) != rows_of(rows, types):
                one.difference = f"kstream {ours['rows']}\nPostgreSQL {rows}"
        return judged

    @staticmethod
    def parts(said: str) -> Iterator[tuple[int, list[str], list]]:
        index, section = -1, ""
        found: dict[str, list[str]] = {}
        for line in said.splitlines():
            if not line.startswith("== "):
                found.setdefault(section, []).append(line)
                continue
            if line[3:].isdigit():
                if index >= 0:
                    yield Judge.part(index, found)
                index, found = int(line[3:]), {}
            section = line[3:]
        if index >= 0:
            yield Judge.part(index, found)

    @staticmethod
    def part(index: int, found: dict[str, list[str]]) -> tuple[int, list[str], list]:
        rows = [json.loads(line, parse_float=Decimal, parse_int=Decimal,
                           object_pairs_hook=Members) for line in found.get("rows", [])]
        return index, found.get("verdicts", []), rows

    def one(self, case: Case) -> Judged:
        try:
            return self.all([case])[0]
        except RuntimeError as error:
            return Judged(str(error))

    def batch(self, cases: list[Case]) -> list[Judged]:
        """One after the other where PostgreSQL fails over one of them."""
        if self.batches % BATCHES == 0:
            self.server.run(f"DROP DATABASE IF EXISTS {self.database};\n"
                            f"CREATE DATABASE {self.database};\n")  # fmt: skip
        self.batches += 1
        try:
            return self.all(cases)
        except RuntimeError:
            return [self.one(case) for case in cases]


def exports_differ(ours: list[str], theirs: str) -> str:
    for mine, other in zip(ours, theirs.split("\n")[:-1], strict=True):
        a, b = mine.split("\t"), other.split("\t")
        if a[:3] + a[4:] != b[:3] + b[4:] or (a[3] == "\\N") != (b[3] == "\\N"):
            return f"exports differ: {mine!r}, of kstream {other!r}"
    return ""


def smaller(judge: Judge, case: Case, tries: int = 400) -> Case:
    """The same difference with less around it, as far as can be found."""
    left = tries

    def differs(other: Case) -> bool:
        nonlocal left
        left -= 1
        return bool(judge.one(other).difference)

    size = max(len(case.records) // 2, 1)
    while size >= 1 and left > 0:
        at = 0
        while at < len(case.records) and left > 0 and len(case.records) > 1:
            less = replace(case, records=case.records[:at] + case.records[at + size :])
            if less.records and differs(less):
                case = less
            else:
                at += size
        size //= 2
    again = True
    while again and left > 0:
        again = False
        candidates = sorted(case.statement.smaller(), key=lambda one: len(str(one)))
        for statement in candidates:
            if left <= 0 or not statement.columns or len(str(statement)) >= len(
                    str(case.statement)):
                break
            if differs(replace(case, statement=statement)):
                case, again = replace(case, statement=statement), True
                break
    return case


def make_case(seed: int, records: int) -> Case:
    r = random.Random(seed)
    return Case(Generator(r).statement(), [one_record(r) for _ in range(records)],
                f"seed {seed}")  # fmt: skip


def kept_cases() -> list[Case]:
    return [Case(KeptStatement(one["statement"]),
                 [Record(value.encode(), timestamp=one.get("timestamp", -1))
                  for value in one["records"]], one["why"])
            for one in json.loads(KEPT.read_text(encoding="utf-8"))]  # fmt: skip


@dataclass
class Tally:
    statements: int = 0
    rows: int = 0
    differences: int = 0
    verdicts: dict[str, int] = field(default_factory=dict)
    refused: dict[str, int] = field(default_factory=dict)

    def add(self, judged: Judged) -> None:
        if judged.refused:
            self.refused[judged.refused] = self.refused.get(judged.refused, 0) + 1
            return
        self.statements += 1
        self.rows += judged.rows
        self.differences += bool(judged.difference)
        for verdict in judged.verdicts:
            self.verdicts[verdict] = self.verdicts.get(verdict, 0) + 1


def shown(judge: Judge, case: Case) -> str:
    less = smaller(judge, case)
    records = "".join(f"record     {one.value!r} {one.key!r} {one.timestamp}\n"
                      for one in less.records)  # fmt: skip
    return (f"{case.name}\nstatement  {less.statement}\n{records}"
            f"difference {judge.one(less).difference}\n")  # fmt: skip


def main() -> int:
    assert __doc__
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("program")
    parser.add_argument("--statements", type=int, default=500)
    parser.add_argument("--seed", type=int, default=1, help="of the first statement")
    parser.add_argument("--records", type=int, default=24, help="for each statement")
    parser.add_argument("--jobs", type=int, default=min(os.cpu_count() or 1, 2))
    parser.add_argument("--ledger", action="store_true")
    options = parser.parse_args()
    if postgres.programs() is None:
        print("skipped: no PostgreSQL here (scripts/setup.sh installs it)")
        return 77
    state = ledger.state() if options.ledger else {}
    at = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())
    decimal.DefaultContext.prec = 400  # of the threads that begin from here on
    tally = Tally()
    kept = kept_cases()
    with postgres.Server() as server, ThreadPoolExecutor(options.jobs) as pool:
        judges = [Judge(options.program, server, i) for i in range(options.jobs)]
        batches = [kept]
        seed = options.seed
        while tally.statements < options.statements + len(kept):
            while len(batches) < options.jobs:
                batches.append([make_case(seed + i, options.records) for i in range(BATCH)])
                seed += BATCH
            answers = list(pool.map(lambda pair: pair[0].batch(pair[1]),
                                    zip(judges, batches, strict=True)))
            for cases, judged in zip(batches, answers, strict=True):
                for case, one in zip(cases, judged, strict=True):
                    tally.add(one)
                    if one.difference and tally.differences <= 5:
                        print(shown(judges[0], case), flush=True)
            batches = []
        for judge in judges:
            judge.kstream.close()
    counts = tally.verdicts
    total = sum(tally.refused.values())
    print(f"{tally.statements} statements from seed {options.seed}, {sum(counts.values())} records "
          f"{counts}, {tally.rows} rows: {tally.differences} differ; {total} more were refused")
    for message, count in sorted(tally.refused.items(), key=lambda one: -one[1])[:8]:
        print(f"  {count} {message}")
    if options.ledger:
        ledger.append({
            "kind": "oracle", "at": at, **state, "first": options.seed,
            "statements": tally.statements, "records": sum(counts.values()),
            **{f"records_{verdict}": count for verdict, count in sorted(counts.items())},
            "rows": tally.rows, "differences": tally.differences,
        })  # fmt: skip
    # What is never used proves nothing.
    idle = [one for one in ("aggregated", "filtered", "bad")
            if counts.get(one, 0) < tally.statements]  # fmt: skip
    if idle:
        print(f"too few records were {', '.join(idle)}")
    return 1 if idle or tally.differences else 0


if __name__ == "__main__":
    sys.exit(main())
