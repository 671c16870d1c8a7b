"""Random statements of docs/SQL.md over the fields that hostile_records.py gives records, as trees
of which parts can be left out."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace

from expressions import text_value
from hostile_records import Moments


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
class EventTime:
    """FROM tumble(t, ...), hop, session or events: `arguments` are all behind the time."""

    function: str
    time: Sql
    arguments: list[str]

    def __str__(self) -> str:
        return f"{self.function}(t, " + ", ".join([str(self.time), *self.arguments]) + ")"

    def smaller(self) -> Iterator[EventTime]:
        yield from (replace(self, time=less) for less in self.time.smaller())
        for i, argument in enumerate(self.arguments):
            if argument.startswith("unique_by"):
                # Its length is the argument behind it.
                yield replace(self, arguments=[*self.arguments[:i], *self.arguments[i + 2 :]])
            elif " => " in argument and not argument.startswith("within"):
                rest = [*self.arguments[:i], *self.arguments[i + 1 :]]
                yield replace(self, arguments=rest)
                if argument.startswith("grace") and argument != "grace => INTERVAL '0 seconds'":
                    yield replace(self, arguments=[*rest, "grace => INTERVAL '0 seconds'"])


@dataclass
class Statement:
    columns: list[tuple[Sql, str]]  # with their names
    groups: list[Sql] = field(default_factory=list)
    where: Sql | None = None
    having: Sql | None = None
    event_time: EventTime | None = None
    window: str = ""  # which column of its window GROUP BY names

    def __str__(self) -> str:
        columns = ", ".join(f'{value} AS "{name}"' for value, name in self.columns)
        text = f"SELECT {columns} FROM {self.event_time or 't'}"
        if self.where:
            text += f" WHERE {self.where}"
        groups = [*map(str, self.groups), *([self.window] if self.window else [])]
        if groups:
            text += " GROUP BY " + ", ".join(groups)
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
        for clause in ("where", "having", "event_time"):
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
    def __init__(self, r: random.Random, moments: Moments) -> None:
        self.r = r
        self.unit = moments.unit
        self.zones = [*ZONES, *[f"'{moments.zone}'"] * len(ZONES)]
        self.windows = False  # of the statement that is made

    def one(self, kind: str, *choices: Callable[[], list[str | Sql]]) -> Sql:
        return Sql(kind, self.r.choice(choices)())

    def statement(self) -> Statement:
        r = self.r
        function = r.choices(["", "tumble", "hop", "session", "events"], [12, 6, 3, 3, 1])[0]
        self.windows = function in ("tumble", "hop", "session")
        groups: list[Sql] = []
        for _ in range(r.choice([0, 1, 1, 1, 2, 2, 3])):
            group = self.group()
            if all(str(group) != str(other) for other in groups):
                groups.append(group)
        columns = [(group, f"g{i}") for i, group in enumerate(groups) if r.random() < 0.9]
        columns += [(self.column(), f"c{i}") for i in range(r.randint(1, 3))]
        made = Statement(columns, groups)
        if r.random() < (0.3 if function else 0.6):
            made.where = self.boolean(3)
        if r.random() < 0.3:
            made.having = Sql("boolean", [self.result(1), r.choice([" > ", " <= "]), "2"])
        if self.windows:
            self.add_window(made)
        if function:
            made.event_time = self.event_time(function, made.having is not None)
        return made

    # ---- event time ----

    def interval(self, milliseconds: int) -> str:
        whole = [(name, size) for name, size in (
            ("week", 604_800_000), ("day", 86_400_000), ("hour", 3_600_000), ("minute", 60_000),
            ("second", 1000), ("millisecond", 1)) if milliseconds % size == 0]  # fmt: skip
        name, size = self.r.choice(whole)
        return f"INTERVAL '{milliseconds // size} {name}s'"

    def event_time(self, function: str, having: bool) -> EventTime:
        r = self.r
        time = self.one(
            "time",
            lambda: ["to_timestamp(ms * 0.001)"], lambda: ["to_timestamp(ms * 0.001)"],
            lambda: ["to_timestamp(at)"], lambda: ["t0::timestamptz"],
            lambda: ["kafka_timestamp"], lambda: [self.time(2)],
            lambda: ["coalesce(t0::timestamptz, to_timestamp(at))"],
        )  # fmt: skip
        arguments = []
        if self.windows:
            if function == "hop":
                arguments = self.hop()
            elif function == "session":
                arguments = self.gap()
            else:
                arguments = self.calendar() if r.random() < 0.5 else self.length()
            grace = r.choice([0, 0, 1, self.unit, 3 * self.unit, 10 * self.unit])
            arguments.append(f"grace => {self.interval(grace)}")
            final = ["emit => 'final'", "idle => 'never'"]
            updates = [[], ["emit => 'updates'"]]
            arguments += r.choice([*([] if function == "hop" and having else updates),
                                   final, final])  # fmt: skip
        ahead = r.choice([None, *["'never'"] * 4, self.interval(r.choice([1, self.unit]))])
        arguments += [f"max_ahead => {ahead}"] if ahead else []
        if r.random() < 0.4:
            arguments += self.unique()
        return EventTime(function, time, arguments)

    def unique(self) -> list[str]:
        r = self.r
        value = r.choice([*FIELDS["scalar"], "s0", "kafka_key", "s0 || s1", "n1 + 0",
                          "round(n0, 1)", str(self.sure_text(1)),
                          str(self.sure_number(1))])  # fmt: skip
        within = r.choice([0, 1, self.unit, 3 * self.unit, 10 * self.unit])
        return [f"unique_by => {value}", f"within => {self.interval(within)}"]

    def length(self) -> list[str]:
        return [self.interval(self.some_length()), *self.origin()]

    def hop(self) -> list[str]:
        """Slide and size: whole numbers of one length, of which not each divides the other."""
        r = self.r
        length = self.some_length()
        slide = r.choice([1, 1, 1, 2, 3])
        size = slide + r.choice([0, 1, 1, 2, 4, 9])
        return [self.interval(slide * length), self.interval(size * length), *self.origin()]

    def some_length(self) -> int:
        r = self.r
        return max(self.unit * r.choice([1, 2, 3, 7]) + r.choice([0, 0, 0, 1, -1, 37]), 1)

    def origin(self) -> list[str]:
        r = self.r
        origin = r.choice(["1970-01-01T00:00:00Z", "1970-01-01T00:00:00.001Z",
                           "2001-02-03T04:05:06.789Z", "2026-11-29T21:13:00-03:00",
                           "9999-12-31T23:59:59.999Z"])  # fmt: skip
        return [f"origin => TIMESTAMPTZ '{origin}'"] if r.random() < 0.6 else []

    def gap(self) -> list[str]:
        return [self.interval(max(self.unit * self.r.choice([1, 1, 2, 3])
                                  + self.r.choice([0, 0, 0, 1, -1]), 1))]  # fmt: skip

    def calendar(self) -> list[str]:
        unit = self.r.choice(["day", "day", "day", "week", "month", "quarter", "year"])
        return [f"'{unit}'", self.r.choice(self.zones)]

    def window_bound(self) -> str:
        return self.r.choice(["window_start", "window_end"])

    def add_window(self, made: Statement) -> None:
        """To GROUP BY, mostly to SELECT and at times to HAVING."""
        r = self.r
        made.window = self.window_bound()
        zone = r.choice(self.zones)
        wanted = r.choice([[], ["window_start"], ["window_start", "window_end"], ["window_end"]])
        made.columns += [(Sql("window", [name]), name) for name in wanted]
        bound = self.window_bound()
        part = r.choice(["hour", "day", "isodow", "year"])
        some = r.choice([
            "extract(epoch FROM window_end) - extract(epoch FROM window_start)",
            f"extract({part} FROM {bound} AT TIME ZONE {zone})",
            f"date_trunc('{r.choice(['hour', 'day', 'month'])}', {bound}, {zone})",
            f"{bound} > TIMESTAMPTZ '2018-11-04T03:00:00Z'",
            f"CASE WHEN count(*) > 1 THEN {bound} END",
            f"coalesce(max(t0::timestamptz), {bound})",
        ])
        if r.random() < 0.5:
            made.columns.append((Sql("window", [some]), "w"))
        if r.random() < 0.2:
            passes = r.choice([f"{bound} >= TIMESTAMPTZ '2011-01-01T00:00:00Z'",
                               f"extract(dow FROM window_start AT TIME ZONE {zone}) < 4",
                               f"{bound} <> max(to_timestamp(at))"])
            more = [made.having, " AND "] if made.having else []
            made.having = Sql("boolean", [*more, passes])

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
            lambda: ["count(DISTINCT ", self.path("scalar"), ")", *self.filter()],
            lambda: ["count(DISTINCT ", self.sure_text(1), ")", *self.filter()],
            lambda: [f"percentile_disc({r.choice(['0', '0.5', '0.99', '1'])}) WITHIN GROUP "
                     "(ORDER BY ", self.sure_number(1), ")", *self.filter()],
            lambda: ["count(*)", *self.filter()],
            lambda: ["count(", self.path("scalar"), ")", *self.filter()],
            lambda: ["count(", self.sure_number(1), ")", *self.filter()],
            lambda: ["sum(", self.numeric(r.randint(0, 3)), ")", *self.filter()],
            lambda: ["sum(", self.numeric(0), ")", *self.filter()],
            lambda: ["avg(", self.numeric(1), ")", *self.filter()],
            lambda: ["round(avg(", self.numeric(1), ")", *self.filter(), f", {digits})"],
            lambda: [r.choice(["min(", "max("]), self.sure_number(1), ")", *self.filter()],
            lambda: spread(r.choice(["var_pop", "var_samp", "stddev_pop", "stddev_samp"])),
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
