"""Random records, most of them with something wrong, and their rows in the export for PostgreSQL:
written by docs/RECORDS.md and without kstream's decoder."""

from __future__ import annotations

import json
import random
import time
from dataclasses import dataclass

from expressions import number_token, text_value

MAX_DEPTH = 64


@dataclass
class Record:
    value: bytes
    key: bytes | None = None
    timestamp: int = -1
    partition: int = 0


# Instants at which clocks change where a midnight is left out or comes twice, an hour or a date
# comes back, or a day is left out; the first instant that a record may have, and the last.
CHANGES = [(1520744400_000, "America/Havana"), (1541307600_000, "America/Havana"),
           (1541300400_000, "America/Sao_Paulo"), (1518919200_000, "America/Sao_Paulo"),
           (1682632800_000, "Africa/Cairo"), (1698354000_000, "Africa/Cairo"),
           (1289097060_000, "America/St_Johns"), (594178260_000, "America/St_Johns"),
           (1268537460_000, "America/St_Johns"), (1325239200_000, "Pacific/Apia"),
           (1711846800_000, "America/Nuuk"), (1729990800_000, "America/Nuuk"),
           (0, "UTC"), (253402300799_999, "UTC")]  # fmt: skip
LAST = 253402300799_999
DAY = 86_400_000


class Moments:
    """Times of the records of a case, in milliseconds: they go on by `unit`, and not in order. Many
    are around a change of `zone`."""

    def __init__(self, r: random.Random) -> None:
        self.r = r
        self.base, self.zone = r.choice(CHANGES)
        self.unit = r.choice([1, 60_000, 1_800_000, 3_600_000])
        if r.random() < 0.6:
            self.unit = r.choice([1, 1000, 1_800_000, DAY, 7 * DAY, 100 * DAY])
            self.base = r.randrange(0, 4_102_444_800_000)
            # Some lie where windows begin.
            self.base -= r.choice([0, self.base % self.unit])
        self.number = 0

    def next(self) -> int:
        self.number += 1
        units = self.number // 2 - 6 + self.r.randint(-4, 4)
        made = self.base + units * self.unit + self.r.choice([0, 0, 0, 1, -1, 500])
        return min(max(made, 0), LAST)


def text_token(r: random.Random) -> str:
    text = text_value(r)
    if r.random() < 0.02:
        text += "\0"
    if r.random() < 0.01:
        text *= 300
    if r.random() < 0.05:
        text += r.choice(["\\N", "\t", "\n", "\r", "\\", "\x01", "\x02", '"', "''", ":x", "$$"])
    return json.dumps(text, ensure_ascii=r.random() < 0.5)


def time_text(moment: int) -> str:
    seconds = time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(moment // 1000))
    return f"{seconds}.{moment % 1000:03}Z" if moment % 1000 else f"{seconds}Z"


def time_token(r: random.Random, moment: int) -> str:
    if r.random() < 0.5:
        return json.dumps(time_text(moment))
    if r.random() < 0.2:
        return r.choice(['""', "1710048600", '"2024-02-30T00:00:00Z"', '"0001-01-01T00:00:00Z"'])
    seconds = r.choice([moment // 1000, r.randrange(0, 4_102_444_800), *(
        change // 1000 for change, _ in CHANGES)])  # fmt: skip
    seconds += r.choice([0, 0, 1, 1800, 3600, 3661, -1, -1800])
    made = time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(max(seconds, 0)))
    return json.dumps(made + r.choice(["Z", "+00:00", "-03:00", ".5Z", ".9999Z", ""]))


def seconds_token(r: random.Random, moment: int) -> str:
    whole = str(moment // 1000)
    return r.choice([whole, f"{whole}.{moment % 1000:03}", f"{whole}.{moment % 1000:03}99",
                     f"{moment}e-3"])  # fmt: skip


def milliseconds_token(r: random.Random, moment: int) -> str:
    return str(moment) if r.random() < 0.9 else r.choice([f"{moment}.7", f"{moment}e0", "-1",
                                                          str(LAST), str(LAST + 1), "1e30"])


def value_token(r: random.Random, kind: str, tame: bool, moment: int = 0) -> str | None:
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
        return json.dumps(time_text(moment)) if tame else time_token(r, moment)
    if kind == "seconds":
        return seconds_token(r, moment)
    if kind == "milliseconds":
        return str(moment) if tame else milliseconds_token(r, moment)
    if kind == "text":
        return r.choice(['"a"', '"B"', '"12"', '"a,b"', '"\u00e9"']) if tame else text_token(r)
    return number_token(r) if not tame and r.random() < 0.3 else r.choice(
        [str(r.randint(-3, 9)), "1.0", "2.50", f"{r.randint(-500, 5000) / 100:.2f}"])


def one_record(r: random.Random, moments: Moments, partition: int) -> Record:
    tame = r.random() < 0.6
    moment = moments.next()

    def member(name: str, kind: str) -> list[str]:
        token = value_token(r, kind, tame, moment)
        made = [] if token is None else [f"{json.dumps(name)}:{token}"]
        return made * 2 if not tame and r.random() < 0.01 else made

    nested = [*member("n", "numeric"), *member("s", "text"), *member("b", "boolean"),
              *member("x", "scalar")]  # fmt: skip
    members = [*member("n0", "numeric"), *member("n1", "numeric"), *member("s0", "text"),
               *member("s1", "text"), *member("b0", "boolean"), *member("x0", "scalar"),
               *member("t0", "time"), *member("ms", "milliseconds"),
               *member("at", "seconds")]  # fmt: skip
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
    # Most are in Kafka a little after they happened; of some, Kafka's clock is behind.
    timestamp = max(moment + r.choice([0, 0, 5, moments.unit, -moments.unit]), 0)
    if not tame:
        timestamp = r.choice([timestamp, -1, 0, r.randrange(0, 4_102_444_800_000), LAST, LAST + 1])
    return Record(value, key, timestamp, partition)


def records_of(r: random.Random, moments: Moments, count: int) -> list[Record]:
    """Of 1 to 4 partitions, of which each has one at least, and some have no more."""
    partitions = min(r.choice([1, 2, 2, 3, 4]), count)
    busy = max(partitions - r.choice([0, 0, 1]), 1)
    return [one_record(r, moments, i if i < partitions else r.randrange(busy))
            for i in range(count)]


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
    "o.x": '["o", "x"]', "l[1]": '["l", 1]', "t0": '["t0"]', "ms": '["ms"]', "at": '["at"]',
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
    ends: dict[int, int] = {}
    for record in records:
        members = members_of(record.value)
        offset = ends.get(record.partition, 0)
        ends[record.partition] = offset + 1
        row = [str(record.partition), str(offset),
               copied(None if record.timestamp < 0 else str(record.timestamp)),
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
