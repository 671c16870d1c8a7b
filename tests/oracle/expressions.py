#!/usr/bin/env python3
"""Random expressions over hostile values: what kstream makes of them and what PostgreSQL does.

    expressions.py EXPRESSION_CASES [--cases N] [--seed S]

One expression over one record is a case. It is written twice: for expression_cases, which is
kstream's evaluator as a filter, and the audit's interpreter as another one, and for PostgreSQL over
the functions of oracle.sql, where each step is PostgreSQL's own. The answers have to be equal,
errors and both nulls included; those of the audit also in why it is an error. Exit code 77 where no
PostgreSQL is installed."""

from __future__ import annotations

import argparse
import json
import random
import subprocess
import sys
from dataclasses import dataclass, field
from pathlib import Path

import postgres

ORACLE = Path(__file__).parents[2] / "src" / "job" / "oracle.sql"
ERROR, MISSING = "err()", "missing()"
FIELDS = {"n": "numeric", "m": "numeric", "o.n": "numeric", "list.0": "numeric", "t": "text",
          "o.t": "text", "list.-1": "text", "b": "boolean", "o.b": "boolean", "s": "scalar",
          "o.s": "scalar"}  # fmt: skip
ZONES = ["America/Sao_Paulo", "America/New_York", "UTC", "Asia/Kolkata", "Australia/Lord_Howe",
         "Europe/Dublin", "Pacific/Apia", "Asia/Kathmandu"]  # fmt: skip
DAY = 86_400_000
LAST = 253_402_300_799_999


# ---- values -------------------------------------------------------------------------------------


def number_token(r: random.Random) -> str:
    """Of RFC 8259, of any size."""
    plain = [lambda: str(r.randint(-20, 20)),
             lambda: f"{r.randint(-10**6, 10**6)}.{r.randint(0, 999):03}",
             lambda: f"{r.choice(['', '-'])}{r.randint(0, 9)}.{r.choice('05')}{r.choice('05')}5",
             lambda: str(r.randint(-10**r.randint(1, 60), 10**r.randint(1, 60))),
             lambda: f"{r.randint(0, 10**r.randint(1, 45))}.{r.randint(1, 10**45)}",
             lambda: f"{r.randint(-99, 99)}.5e{r.randint(-150, 150)}",
             lambda: r.choice(["0", "-0", "0.0", "0e999999999", "-0.00E-5", "1e143", "1e144",
                               "-1e-144", "1e-145", "1e400", "1e99999999999", "1E+2", "1e-2",
                               "170141183460469231731687303715884105727",
                               "-170141183460469231731687303715884105728",
                               "9" * 144, "0." + "9" * 144, "0.1" + "0" * 200, "1" + "0" * 140])]
    weights = [6, 4, 3, 1, 1, 1, 1]
    return r.choices(plain, weights)[0]()  # fmt: skip


def text_value(r: random.Random) -> str:
    pool = ["", "a", "A", "abc", "aBc", "%", "_", "a%b", "\\", "pix", "cartao", "12", "-7.50",
            "1e3", " 1", "+1", ".5", "01", "1e999", "NaN", "true", "a,b,,c", ",", "aXbXc", "XX",
            "XXX", "\u00e9t\u00e9", "\u00c9", "\u20ac", "\U0001f600a", "e\u0301", "a\nb", "'", "\"",
            "$1", "2024-02-29T12:34:56.7899Z", "2023-02-29T00:00:00Z", "2024-05-14 08:00+05:30",
            "1969-12-31T23:59:59.999Z", "1970-01-01T00:00:00Z", "9999-12-31T23:59:59.9999Z",
            "9999-12-31T23:59:59-01:00", "2024-01-01T00:00:60Z", "2024-01-01T24:00:00Z",
            "2018-11-04T00:30:00-0200", "2024-01-01T00:00:00+16", "2024-01-01T00:00:00",
            "2024-01-01", "0000-01-01T00:00:00Z", "2024-13-01T00:00:00Z"]  # fmt: skip
    if r.random() < 0.7:
        return r.choice(pool)
    return "".join(r.choice("abAB%_\\,X \u00e9\u20ac\U0001f600") for _ in range(r.randint(0, 8)))


def sql_text(text: str) -> str:
    return f"convert_from('\\x{text.encode().hex()}', 'UTF8')"


@dataclass
class Record:
    """Its JSON, and for each field what it is to PostgreSQL."""

    text: str
    fields: dict[str, str] = field(default_factory=dict)


ABSENT = object()


def json_value(r: random.Random, kind: str) -> tuple[object, str]:
    """A value's token (ABSENT for none), and what a field of that type makes of it."""
    what = r.choices(["right", "absent", "null", "other"], [16, 2, 1, 1])[0]
    if what == "absent":
        return ABSENT, MISSING
    if what == "null":
        return "null", MISSING
    if kind == "scalar" and what == "right":
        kind = r.choice(["numeric", "text", "boolean"])
    if what == "other":
        wrong = {"numeric": ['"1"', "true", "{}"], "text": ["1", "false", "[1]"],
                 "boolean": ["0", '"true"', "[]"], "scalar": ["{}", "[]"]}[kind]  # fmt: skip
        return r.choice(wrong), ERROR
    if kind == "numeric":
        token = number_token(r)
        return token, f"strict('fit(strict_number($1[1]))', '{token}')"
    if kind == "boolean":
        token = r.choice(["true", "false"])
        return token, f"'{token}'"
    text = text_value(r)
    if r.random() < 0.02:
        return json.dumps(text + "\0"), ERROR
    return json.dumps(text, ensure_ascii=r.random() < 0.5), sql_text(text)


def record(r: random.Random) -> Record:
    made = Record("")
    tokens: dict[str, object] = {}
    for path, kind in FIELDS.items():
        tokens[path], made.fields[path] = json_value(r, kind)

    def member(path: str) -> list[str]:
        token = tokens[path]
        name = path.rsplit(".", maxsplit=1)[-1]
        if token is ABSENT:
            return []
        if r.random() < 0.01:
            made.fields[path] = ERROR
            return [f'"{name}":{token}'] * 2
        return [f'"{name}":{token}']

    nested = [one for path in FIELDS if path.startswith("o.") for one in member(path)]
    first = tokens["list.0"]
    last = tokens["list.-1"]
    # An array has no gaps.
    if last is ABSENT:
        last = "null"
    listed = [] if first is ABSENT else [first, *["7"] * r.randint(0, 2), last]
    if first is ABSENT:
        made.fields["list.-1"] = MISSING
    members = [one for path in FIELDS if "." not in path for one in member(path)]
    if r.random() < 0.95:
        members.append('"o":{' + ",".join(nested) + "}")
        if r.random() < 0.01:
            members.append('"o":1')
            made.fields.update({path: ERROR for path in FIELDS if path.startswith("o.")})
    else:
        made.fields.update({path: MISSING for path in FIELDS if path.startswith("o.")})
        members += r.choice([[], ['"o":null'], ['"o":5'], ['"o":[{"n":1}]']])
    members.append('"list":[' + ",".join(map(str, listed)) + "]")
    if r.random() < 0.3:
        r.shuffle(members)
    made.text = "{" + ",".join(members) + "}"
    return made


# ---- expressions --------------------------------------------------------------------------------


@dataclass
class Expression:
    ours: str
    postgres: str
    kind: str


def quoted(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"


def call(function: str, *arguments: str) -> str:
    return f"{function}({', '.join(arguments)})"


def strict(template: str, *arguments: Expression) -> str:
    return call("strict", quoted(template), *(one.postgres for one in arguments))


def node(op: str, kind: str, *parts: object) -> str:
    texts = [part.ours if isinstance(part, Expression) else str(part) for part in parts]
    return f"({' '.join([op, kind, *texts])})"


def literal(kind: str, attribute: str) -> str:
    return f"(literal {kind} {attribute})"


def text_literal(text: str) -> str:
    return literal("text", "=" + text.encode().hex())


def digits(number: int) -> str:
    return literal("numeric", "=" + str(number).encode().hex())


# How two values of a type are compared: $1[1] and $1[2].
CASTS = {"numeric": "::numeric", "text": ' COLLATE "C"', "boolean": "::boolean",
         "timestamp": "::bigint", "local": "::bigint"}  # fmt: skip


def comparison(kind: str, operator: str) -> str:
    cast = CASTS[kind]
    return f"$1[1]{cast} {operator} $1[2]{cast}"


class Generator:
    def __init__(self, r: random.Random, of: Record) -> None:
        self.r = r
        self.record = of

    def make(self, kind: str, depth: int) -> Expression:
        r = self.r
        if depth == 0 or r.random() < 0.1:
            return self.leaf(kind)
        if r.random() < 0.25:
            return self.choice(kind, depth)
        return getattr(self, kind)(depth)

    # ---- leaves

    def leaf(self, kind: str) -> Expression:
        r = self.r
        if r.random() < 0.05:
            return Expression(f"(null {kind})", "NULL::text", kind)
        if kind in ("timestamp", "local"):
            instant = r.choice([r.randint(0, LAST), r.randint(0, 2_000_000_000_000),
                                1541300400000 + r.randint(-2, 2) * 1800000,
                                DAY * r.randint(0, 20000)])  # fmt: skip
            at = Expression(literal("timestamp", f"!{instant}"), f"'{instant}'", "timestamp")
            if kind == "timestamp":
                return at
            return self.at_zone(at)
        paths = [path for path, of in FIELDS.items() if of == kind]
        if r.random() < 0.6:
            path = r.choice(paths)
            index = list(FIELDS).index(path)
            return Expression(f"(field {kind} #{index})", self.record.fields[path], kind)
        if kind == "numeric":
            token = number_token(r)
            while "e" in token.lower() or len(token) > 140:
                token = number_token(r)
            return Expression(literal(kind, "=" + token.encode().hex()),
                              f"strict('fit($1[1]::numeric)', '{token}')", kind)
        if kind == "text":
            text = text_value(r)
            return Expression(text_literal(text), sql_text(text), kind)
        value = r.choice(["true", "false"])
        return Expression(literal(kind, "?" + value), f"'{value}'", kind)

    def scalar(self) -> tuple[str, str]:
        path = self.r.choice(["s", "o.s"])
        return f"(field scalar #{list(FIELDS).index(path)})", self.record.fields[path]

    # ---- choice

    def choice(self, kind: str, depth: int) -> Expression:
        r = self.r
        what = r.choice(["case_when", "coalesce", "nullif", "greatest", "least"])
        if what == "case_when":
            parts = []
            for _ in range(r.randint(1, 2)):
                parts += [self.make("boolean", depth - 1), self.make(kind, depth - 1)]
            if r.random() < 0.6:
                parts.append(self.make(kind, depth - 1))
            sql = [one.postgres for one in parts]
            if len(sql) % 2 == 0:
                sql.append("NULL")
            return Expression(node(what, kind, *parts), call(what, *sql), kind)
        count = 2 if what == "nullif" else r.randint(2, 3)
        parts = [self.make(kind, depth - 1) for _ in range(count)]
        sql = [one.postgres for one in parts]
        text = {"coalesce": lambda: call("first_value", *sql),
                "nullif": lambda: call("null_if", quoted(comparison(kind, "=")), *sql),
                "greatest": lambda: call("extreme", quoted(comparison(kind, ">")), *sql),
                "least": lambda: call("extreme", quoted(comparison(kind, "<")), *sql)}
        return Expression(node(what, kind, *parts), text[what](), kind)

    # ---- by type

    def boolean(self, depth: int) -> Expression:
        r = self.r
        what = r.choice(["junction", "junction", "not", "truth", "compare", "compare", "compare",
                         "distinct", "is_null", "in", "like"])  # fmt: skip
        inner = r.choice(["numeric", "numeric", "text", "text", "boolean", "timestamp", "local"])
        if what == "junction":
            op, decides = r.choice([("logical_and", "false"), ("logical_or", "true")])
            parts = [self.make("boolean", depth - 1) for _ in range(r.randint(2, 4))]
            return Expression(node(op, "boolean", *parts),
                              call("junction", f"'{decides}'", *(one.postgres for one in parts)),
                              "boolean")
        if what == "not":
            a = self.make("boolean", depth - 1)
            return Expression(node("logical_not", "boolean", a), strict("NOT $1[1]::boolean", a),
                              "boolean")
        if what == "truth":
            a = self.make("boolean", depth - 1)
            wanted = r.choice(["true", "false"])
            return Expression(node(f"is_{wanted}", "boolean", a),
                              call("is_truth", a.postgres, f"'{wanted}'"), "boolean")
        if what == "is_null":
            if r.random() < 0.3:
                ours, sql = self.scalar()
                # Whatever number stands there is not NULL.
                if sql.startswith("strict('fit"):
                    sql = "'0'"
                return Expression(f"(is_null boolean {ours})", call("is_null", sql), "boolean")
            a = self.make(inner, depth - 1)
            return Expression(node("is_null", "boolean", a), call("is_null", a.postgres), "boolean")
        if what == "like":
            a = self.make("text", depth - 1)
            pieces = ["%", "_", "a", "b", "A", "\u00e9", "X", "\\%", "\\_", "\\\\", "%a%"]
            pattern = "".join(r.choice(pieces) for _ in range(r.randint(0, 5)))
            escape = "\\"
            if r.random() < 0.2:
                escape = r.choice(["", "!", "\u20ac"])
                pattern = pattern.replace("\\", escape)
            ours = f"(like boolean ={escape.encode().hex()} {a.ours} {text_literal(pattern)})"
            template = f"$1[1] LIKE {sql_text(pattern)} ESCAPE {sql_text(escape)}"
            sql = call("compared", quoted(template), a.postgres)
            return Expression(ours, sql, "boolean")
        a = self.make(inner, depth - 1)
        if what == "in":
            parts = [a]
            parts += [self.make(inner, r.randint(0, depth - 1)) for _ in range(r.randint(1, 4))]
            return Expression(node("in_list", "boolean", *parts),
                              call("in_list", quoted(comparison(inner, "=")),
                                   *(one.postgres for one in parts)), "boolean")
        b = self.make(inner, depth - 1)
        if what == "distinct":
            return Expression(node("distinct_from", "boolean", a, b),
                              call("distinct_from", quoted(comparison(inner, "<>")), a.postgres,
                                   b.postgres), "boolean")
        op, operator = r.choice([("equal", "="), ("not_equal", "<>"), ("less", "<"),
                                 ("less_equal", "<="), ("greater", ">"), ("greater_equal", ">=")])
        return Expression(node(op, "boolean", a, b),
                          call("compared", quoted(comparison(inner, operator)), a.postgres,
                               b.postgres), "boolean")

    def numeric(self, depth: int) -> Expression:
        r = self.r
        what = r.choice(["binary", "binary", "binary", "binary", "unary", "round", "quotient",
                         "quotient", "length", "cast", "limited", "extract", "scalar"])  # fmt: skip
        if what == "binary":
            op, operator = r.choice([("add", "+"), ("subtract", "-"), ("multiply", "*"),
                                     ("multiply", "*"), ("modulo", "%")])
            a, b = self.make("numeric", depth - 1), self.make("numeric", depth - 1)
            template = f"fit($1[1]::numeric {operator} $1[2]::numeric)"
            return Expression(node(op, "numeric", a, b), strict(template, a, b), "numeric")
        if what == "unary":
            op, function = r.choice([("negate", "-"), ("absolute", "abs"), ("floor", "floor"),
                                     ("ceil", "ceil")])
            a = self.make("numeric", depth - 1)
            return Expression(node(op, "numeric", a), strict(f"fit({function}($1[1]::numeric))", a),
                              "numeric")
        scale = r.choice([0, 0, 1, 2, 2, 9, 30])
        op, function = r.choice([("round", "round"), ("truncate", "trunc")])
        if what == "round":
            a = self.make("numeric", depth - 1)
            return Expression(node(op, "numeric", a, digits(scale)),
                              strict(f"fit({function}($1[1]::numeric, {scale}))", a), "numeric")
        if what == "quotient":
            function = {"round": "round_quotient", "truncate": "cut_quotient"}[op]
            a, b = self.make("numeric", depth - 1), self.make("numeric", depth - 1)
            return Expression(node(op, "numeric", node("divide", "numeric", a, b), digits(scale)),
                              strict(f"fit({function}($1[1]::numeric, $1[2]::numeric, {scale}))", a,
                                     b), "numeric")
        if what == "length":
            a = self.make("text", depth - 1)
            return Expression(node("length", "numeric", a), strict("length($1[1])", a), "numeric")
        if what == "cast":
            a = self.make("text", depth - 1)
            return Expression(node("to_numeric", "numeric", a),
                              strict("fit(strict_number($1[1]))", a), "numeric")
        if what == "limited":
            a = self.make(r.choice(["text", "numeric"]), depth - 1)
            p = r.randint(1, 40)
            s = r.randint(0, p)
            template = f"fit(limited(fit(strict_number($1[1]))::numeric, {p}, {s}))"
            return Expression(node("to_numeric", "numeric", f"~{p},{s}", a), strict(template, a),
                              "numeric")
        if what == "extract":
            unit = r.choice(["year", "month", "day", "hour", "minute", "second", "dow", "isodow",
                             "doy", "week", "quarter", "isoyear", "epoch"])  # fmt: skip
            a = self.make("local", depth - 1)
            return Expression(node("extract", "numeric", text_literal(unit), a),
                              strict(f"fit(extract({unit} FROM clock($1[1])))", a), "numeric")
        ours, sql = self.scalar()
        if sql in ("'true'", "'false'"):
            sql = ERROR
        return Expression(f"(to_numeric numeric {ours})",
                          call("strict", quoted("fit(strict_number($1[1]))"), sql), "numeric")

    def text(self, depth: int) -> Expression:
        r = self.r
        what = r.choice(["concat", "concat", "substring", "left", "right", "split", "case", "cast",
                         "scalar"])  # fmt: skip
        if what == "concat":
            a, b = self.make("text", depth - 1), self.make("text", depth - 1)
            return Expression(node("concat", "text", a, b), strict("$1[1] || $1[2]", a, b), "text")
        if what == "cast":
            a = self.make(r.choice(["numeric", "boolean"]), depth - 1)
            return Expression(node("to_text", "text", a), strict("$1[1]", a), "text")
        if what == "scalar":
            ours, sql = self.scalar()
            return Expression(f"(to_text text {ours})", sql, "text")
        a = self.make("text", depth - 1)
        if what == "case":
            name = r.choice(["lower", "upper"])
            template = f'{name}($1[1] COLLATE "C")'
            return Expression(node(name, "text", a), strict(template, a), "text")
        # Not -2147483648: right() of PostgreSQL 15 negates it, and takes it for 0.
        count = r.choice([-2147483647, -3, -1, 0, 1, 2, 3, 2147483647])
        if what in ("left", "right"):
            return Expression(node(what, "text", a, digits(count)),
                              strict(f"{what}($1[1], {count})", a), "text")
        if what == "substring":
            if r.random() < 0.4:
                return Expression(node("substring", "text", a, digits(count)),
                                  strict(f"substring($1[1] FROM {count})", a), "text")
            size = r.choice([0, 1, 2, 5, 2147483647])
            return Expression(node("substring", "text", a, digits(count), digits(size)),
                              strict(f"substring($1[1] FROM {count} FOR {size})", a), "text")
        part = r.choice([-3, -2, -1, 1, 2, 3, 9])
        delimiter = r.choice([",", "X", "XX", "a", "", "\u00e9"])
        return Expression(node("split_part", "text", a, text_literal(delimiter), digits(part)),
                          strict(f"split_part($1[1], {sql_text(delimiter)}, {part})", a), "text")

    def timestamp(self, depth: int) -> Expression:
        r = self.r
        what = r.choice(["parse", "to_timestamp", "trunc", "trunc", "bin"])
        if what == "parse":
            a = self.make("text", depth - 1)
            return Expression(node("parse_timestamp", "timestamp", a),
                              strict("strict_time($1[1])", a), "timestamp")
        if what == "to_timestamp":
            a = self.make("numeric", depth - 1)
            return Expression(node("to_timestamp", "timestamp", a),
                              strict("in_years(floor($1[1]::numeric * 1000))", a), "timestamp")
        a = self.make("timestamp", depth - 1)
        if what == "trunc":
            unit = r.choice(["second", "minute", "hour", "day", "week", "month", "quarter", "year"])
            zone = r.choice(ZONES)
            template = f"begins('{unit}', $1[1], '{zone}')"
            parts = [text_literal(unit), a, text_literal(zone)]
            return Expression(node("date_trunc", "timestamp", *parts), strict(template, a),
                              "timestamp")
        stride = r.choice([1, 1000, 60_000, 900_000, DAY, 7 * DAY, 12_345])
        origin = r.choice([0, 1_000_000_000_000, 4 * DAY, LAST])
        interval = literal("text", f"!{stride}")
        at = literal("timestamp", f"!{origin}")
        return Expression(node("date_bin", "timestamp", interval, a, at),
                          strict(f"ms(date_bin(interval '{stride} milliseconds', instant($1[1]), "
                                 f"instant('{origin}')))", a), "timestamp")

    def local(self, depth: int) -> Expression:
        return self.at_zone(self.make("timestamp", depth - 1))

    def at_zone(self, a: Expression) -> Expression:
        zone = self.r.choice(ZONES)
        return Expression(node("at_zone", "local", a, text_literal(zone)),
                          strict(f"ms(instant($1[1]) AT TIME ZONE '{zone}')", a), "local")


# ---- both sides ---------------------------------------------------------------------------------

LETTERS = {"numeric": "n", "text": "t", "boolean": "b", "timestamp": "ts", "local": "local"}


@dataclass
class Case:
    record: Record
    expression: Expression


def kstream_says(program: str, cases: list[Case], *options: str) -> list[str]:
    arguments = [*options, *(f"{path}={kind}" for path, kind in FIELDS.items())]
    lines = "".join(f"{case.record.text}\t{case.expression.ours}\n" for case in cases)
    done = subprocess.run([program, *arguments], input=lines.encode(), capture_output=True,
                          check=False)  # fmt: skip
    if done.returncode != 0:
        sys.exit(f"expression_cases: exit code {done.returncode}: {done.stderr.decode()}")
    return done.stdout.decode().splitlines()


def postgres_says(server: postgres.Server, cases: list[Case]) -> list[str]:
    queries = "".join(
        f"SELECT coalesce(encode(convert_to({case.expression.postgres}, 'UTF8'), 'hex'), '-');\n"
        for case in cases)  # fmt: skip
    words = "".join(f"SELECT encode(convert_to({word}, 'UTF8'), 'hex');\n"
                    for word in (ERROR, MISSING))  # fmt: skip
    error, missing, *answers = server.run(words + queries).split("\n")[: len(cases) + 2]
    said = []
    for answer, case in zip(answers, cases, strict=True):
        kind = case.expression.kind
        special = {"-": "null", error: "error", missing: "missing"}.get(answer)
        value = answer if kind == "text" else bytes.fromhex(answer.replace("-", "")).decode()
        said.append(special or f"{LETTERS[kind]} {value}")
    return said


def main() -> int:
    assert __doc__
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("program")
    parser.add_argument("--cases", type=int, default=3000)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--depth", type=int, default=4)
    arguments = parser.parse_args()
    if postgres.programs() is None:
        print("skipped: no PostgreSQL here (apt-get install postgresql)")
        return 77
    r = random.Random(arguments.seed)
    cases = []
    for _ in range(arguments.cases):
        of = record(r)
        kind = r.choice(["numeric", "numeric", "text", "boolean", "boolean", "timestamp", "local"])
        cases.append(Case(of, Generator(r, of).make(kind, r.randint(1, arguments.depth))))
    loops = kstream_says(arguments.program, cases)
    audit = kstream_says(arguments.program, cases, "--audit")
    # Reasons are not PostgreSQL's to know.
    ours = ["error" if said.startswith("error") else said for said in loops]
    with postgres.Server() as server:
        server.run(ORACLE.read_text(encoding="utf-8"))
        theirs = postgres_says(server, cases)
    differences = [(case, f"{a} (audit: {c})", b)
                   for case, a, c, ours_of, b in zip(cases, loops, audit, ours, theirs, strict=True)
                   if ours_of != b or a != c]  # fmt: skip
    # The smallest say most.
    differences.sort(key=lambda one: len(one[0].expression.ours))
    for case, a, b in differences[:10]:
        print(f"record     {case.record.text}\nexpression {case.expression.ours}\n"
              f"SQL        {case.expression.postgres}\nkstream    {a}\nPostgreSQL {b}\n")
    kinds = {kind: sum(said.split(" ")[0] == kind for said in theirs)
             for kind in ("n", "t", "b", "ts", "local", "null", "missing", "error")}
    print(f"{len(cases)} cases of seed {arguments.seed}: {len(differences)} differ; {kinds}")
    return 1 if differences else 0


if __name__ == "__main__":
    sys.exit(main())
