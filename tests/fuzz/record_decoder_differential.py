"""The record decoder against a checker that was written from docs/RECORDS.md alone.

    record_decoder_differential.py PROGRAM DOC [--seed N] [--cases N]

PROGRAM is record_decoder_cases, DOC is docs/RECORDS.md. First the examples of DOC itself, then
random cases: records of all kinds, records with small damages, and rows of JSON's tokens. The
checker stands on Python's json module and its integers. Each of simdjson's implementations that
this machine has is asked. Everything is decided by the seed; a difference is printed with it, and
the exit code is 1.
"""

import argparse
import json
import pathlib
import random
import re
import struct
import subprocess
import sys

IMPLEMENTATIONS = ["best", "icelake", "haswell", "westmere", "fallback", "arm64"]
NOT_HERE = 77

REASONS = ["encoding", "depth", "json", "not_object", "duplicate_field", "missing_field",
           "group_type", "group_size", "number_type", "scale", "range"]


# --- The checker: docs/RECORDS.md, section by section ------------------------------------------


class Number(str):
    """The digits of a number, as they stand in the record."""


class Bad(Exception):
    """A bad record, with its reason; and its field, where that is about one."""

    def __init__(self, reason, field=None):
        super().__init__(reason)
        self.field = field

    def line(self):
        return str(self) + ("" if self.field is None else " " + self.field.encode().hex())


def refuse_constant(name):
    raise ValueError(name)


def too_deep(text):
    count = 0
    in_string = False
    hidden = False
    for c in text:
        if hidden:
            hidden = False
        elif in_string:
            hidden = c == "\\"
            in_string = c != '"'
        elif c == '"':
            in_string = True
        elif c in "{[":
            count += 1
            if count > 64:
                return True
        elif c in "}]":
            count -= 1
    return False


def has_surrogate(value):
    if isinstance(value, tuple):
        return any(has_surrogate(key) or has_surrogate(item) for key, item in value)
    if isinstance(value, list):
        return any(has_surrogate(item) for item in value)
    return isinstance(value, str) and any("\ud800" <= c <= "\udfff" for c in value)


def units(number, scale):
    sign, whole, fraction, exponent = re.fullmatch(
        r"(-?)(\d+)(?:\.(\d+))?(?:[eE]([+-]?\d+))?", number).groups()
    fraction = fraction or ""
    digits = (whole + fraction).lstrip("0")
    m = digits.rstrip("0")
    if not m:
        return 0
    e = int(exponent or 0) - len(fraction) + len(digits) - len(m)
    if e < -scale:
        raise Bad("scale")
    if len(m) + e + scale > 40:
        raise Bad("range")
    result = int(sign + m) * 10 ** (e + scale)
    if not -(2 ** 127) <= result <= 2 ** 127 - 1:
        raise Bad("range")
    return result


def canonical(value, scale):
    whole, fraction = divmod(abs(value), 10 ** scale)
    text = ("-" if value < 0 else "") + str(whole)
    digits = str(fraction).zfill(scale).rstrip("0") if scale and fraction else ""
    return text + ("." + digits if digits else "")


def group_value(value, scale):
    if isinstance(value, bool):
        return "b", "true" if value else "false"
    if isinstance(value, Number):
        return "n", canonical(units(value, scale), scale)
    if not isinstance(value, str):
        raise Bad("group_type")
    if len(value.encode()) > 1024:
        raise Bad("group_size")
    return "s", value


def check(job, record):
    scale, group_by, sums = job
    try:
        text = record.decode("utf-8")
    except UnicodeDecodeError:
        raise Bad("encoding") from None
    if too_deep(text):
        raise Bad("depth")
    try:
        # Objects become tuples of pairs, so that no member is lost and none is taken for an array.
        value = json.loads(text, object_pairs_hook=tuple, parse_int=Number, parse_float=Number,
                           parse_constant=refuse_constant)
    except ValueError:
        raise Bad("json") from None
    if has_surrogate(value):
        raise Bad("encoding")
    if not isinstance(value, tuple):
        raise Bad("not_object")
    names = [name for name, _ in value]
    wanted = group_by + sums
    for name in wanted:
        if names.count(name) > 1:
            raise Bad("duplicate_field", name)
    for name in wanted:
        if name not in names:
            raise Bad("missing_field", name)
    members = dict(value)
    groups = []
    inputs = []
    for i, name in enumerate(wanted):
        try:
            if i < len(group_by):
                groups.append(group_value(members[name], scale))
            elif not isinstance(members[name], Number):
                raise Bad("number_type")
            else:
                inputs.append(units(members[name], scale))
        except Bad as bad:
            raise Bad(str(bad), name) from None
    return groups, inputs


def expected_line(job, record):
    try:
        groups, inputs = check(job, record)
    except Bad as bad:
        return bad.line()
    parts = ["ok"] + [f"{kind}:{text.encode().hex()}" for kind, text in groups]
    return " ".join(parts + [str(value) for value in inputs])


# --- The cases ---------------------------------------------------------------------------------


class Cases:
    """Random texts about the fields of one job."""

    WORDS = ["true", "false", "null"]
    NUMBERS = ["0", "-0", "1", "-1", "10", "0.5", "12.50", "1e2", "1E-2", "1e400", "1e-400", "-0.0",
               "0e99999999999999999999", "1e99999999999999999999", "74210.35", "100000000000000000",
               "9223372036854775808", "170141183460469231731687303715884105727e-9",
               "-170141183460469231731687303715884105728e-9", "0.1234567890", "0.1234567891",
               "170141183460469231731687303715.884105728", "1.00000000000000000000000000000000"]
    NO_NUMBERS = ["+1", "01", "1.", ".5", "-", "1e", "1e+", "0x1", "NaN", "Infinity", "-Infinity",
                  "1_0", "1a", "--1", "\uff11", "\u0661"]
    PIECES = ["a", "b", "vendedor_1", " ", "/", "'", "\x7f", "\u00e3", "\u20ac", "\U0001f600",
              "\uffff", "{", "}", "[", "]", ":", ",", "\\\\", "\\\"", "\\/", "\\b", "\\n",
              "\\u0061", "\\u0000", "\\u00e3", "\\uFFFF", "\\ud83d\\ude00"]
    BAD_PIECES = ["\\x", "\\u12", "\\u00g0", "\n", "\x00", "\x1f", "\\ud800", "\\udc00", "\"",
                  "\\", "\\ud800\\u0041", "\\udc00\\ud800", "\\U0041"]
    BAD_BYTES = [b"\x80", b"\xc3", b"\xc0\x80", b"\xed\xa0\x80", b"\xf4\x90\x80\x80", b"\xff"]
    SPACES = ["", "", "", "", " ", "\n", "\t", "\r", "  "]

    def __init__(self, job, dice):
        self.job = job
        self.dice = dice
        self.fields = job[1] + job[2]

    def space(self):
        return self.dice.choice(self.SPACES)

    def number(self):
        d = self.dice
        if d.random() < 0.2:
            return d.choice(self.NUMBERS)
        if d.random() < 0.5:
            return str(d.randrange(10 ** d.randrange(1, 20)))
        text = "-" if d.random() < 0.3 else ""
        text += str(d.randrange(10 ** d.choice([1, 3, 6, 18, 19, 40])))
        if d.random() < 0.5:
            text += "." + str(d.randrange(10 ** d.choice([1, 2, 9, 12, 30]))) + "0" * d.randrange(3)
        if d.random() < 0.2:
            text += d.choice("eE") + d.choice(["", "+", "-"]) + str(d.randrange(45))
        return text

    def string(self, fine=0.995):
        d = self.dice
        pieces = [d.choice(self.PIECES) for _ in range(d.choice([0, 1, 1, 2, 3, 5]))]
        if d.random() > fine:
            pieces.insert(d.randrange(len(pieces) + 1), d.choice(self.BAD_PIECES))
        if d.random() < 0.01:
            count = d.choice([511, 512, 513, 1024, 1025])
            pieces.append(d.choice(["x", "\u00e3", "\\u0078"]) * count)
        return '"' + "".join(pieces) + '"'

    def spelled(self, name):
        """The name as a JSON string, now and then with escapes."""
        if self.dice.random() < 0.8:
            return json.dumps(name, ensure_ascii=self.dice.random() < 0.5)
        return '"' + "".join(f"\\u{ord(c):04x}" if self.dice.random() < 0.3 and ord(c) < 65536
                             else json.dumps(c)[1:-1] for c in name) + '"'

    def value(self, depth=0):
        d = self.dice
        kind = d.random()
        if kind < 0.35:
            return self.number()
        if kind < 0.70:
            return self.string()
        if kind < 0.85 or depth > 4:
            return d.choice(self.WORDS)
        if kind < 0.86:
            n = d.choice([55, 60, 61, 62, 63, 64, 65, 70])
            opening = [d.choice(["[", '{"a":']) for _ in range(n)]
            closing = ["]" if o == "[" else "}" for o in reversed(opening)]
            return "".join(opening + ["1"] + closing)
        items = [self.value(depth + 1) for _ in range(d.randrange(4))]
        if kind < 0.93:
            return "[" + ",".join(self.space() + item + self.space() for item in items) + "]"
        return "{" + ",".join(self.member(item) for item in items) + "}"

    def member(self, value):
        d = self.dice
        name = self.spelled(d.choice(self.fields)) if d.random() < 0.05 else self.string()
        return self.space() + name + self.space() + ":" + self.space() + value + self.space()

    def record(self):
        d = self.dice
        members = []
        for name in self.job[1]:
            value = self.string() if d.random() < 0.7 else self.value()
            members.append(self.spelled(name) + self.space() + ":" + self.space() + value)
        for name in self.job[2]:
            if name not in self.job[1]:
                value = self.number() if d.random() < 0.9 else self.value()
                members.append(self.spelled(name) + ":" + self.space() + value + self.space())
        if d.random() < 0.05:
            members.pop(d.randrange(len(members)))
        for _ in range(d.choice([0, 1, 1, 2, 3])):
            members.append(self.member(self.value()) if d.random() < 0.98
                           else self.member(d.choice(self.NO_NUMBERS)))
        if d.random() < 0.05:
            members.append(self.spelled(d.choice(self.fields)) + ":1")
        d.shuffle(members)
        text = self.space() + "{" + ("," + self.space()).join(members) + "}" + self.space()
        if d.random() < 0.02:
            text = "[" + text + "]"
        return text.encode()

    def damaged(self):
        d = self.dice
        record = bytearray(self.record())
        for _ in range(d.choice([1, 1, 1, 2, 3])):
            at = d.randrange(len(record) + 1)
            how = d.randrange(6)
            if how == 0:
                record[at:at + 1] = bytes([d.randrange(256)])
            elif how == 1:
                record[at:at] = d.choice(['"', "\\", "{", "}", "[", "]", ":", ",", " ", "0", "-",
                                          ".", "e", "\\u", "\x0c", "\x00"]).encode()
            elif how == 2:
                del record[at:at + d.choice([1, 1, 2, 5])]
            elif how == 3:
                record[at:at] = d.choice(self.BAD_BYTES)
            elif how == 4:
                del record[at:]
            else:
                other = d.randrange(len(record) + 1)
                record[at:at] = record[min(at, other):max(at, other)][:20]
        return bytes(record)

    def soup(self):
        d = self.dice
        tokens = ["{", "}", "[", "]", ":", ",", ":", ",", " "]
        tokens += [self.spelled(d.choice(self.fields)), self.string(), self.number()]
        tokens += [d.choice(self.WORDS), d.choice(self.NO_NUMBERS), "\\", "{", "}"]
        body = "".join(d.choice(tokens) for _ in range(d.randrange(12)))
        return ("{" + body + "}" if d.random() < 0.5 else body).encode()

    def any(self):
        kind = self.dice.random()
        if kind < 0.45:
            return self.record()
        return self.damaged() if kind < 0.85 else self.soup()


def examples_of(doc):
    """The rows of the page's tables of examples: (job, record, what the page says about it)."""
    default = (9, ["id_vendedor"], ["valor"])
    text = doc.read_text(encoding="ascii")
    numbers = text.split("| token, s = 9 |")[1].split("\n\n")[0]
    for tokens, said in re.findall(r"^\| (`.+`) \| (.+) \|$", numbers, re.M):
        for token in re.findall(r"`([^`]+)`", tokens):
            said_units = {"2^127 - 1": str(2 ** 127 - 1), "-2^127": str(-2 ** 127)}.get(said, said)
            found = re.match(r"`(\w+)`", said_units)
            line = Bad(found[1], "valor").line() if found else "ok s:61 " + said_units
            yield default, ('{"id_vendedor":"a","valor":%s}' % token).encode(), line
    records = text.split("| value | verdict |")[1].split("\n\n")[0]
    for record, said in re.findall(r"^\| `(.+?)` \| (.+) \|$", records, re.M):
        group = re.match(r"group (\w)\w+ `(.*)`, units (-?\d+)", said)
        line = (f"ok {group[1]}:{group[2].encode().hex()} {group[3]}" if group
                else Bad(*re.match(r"`(\w+)`(?: of `(\w+)`)?", said).groups()).line())
        yield default, record.encode(), line


JOBS = [
    (9, ["id_vendedor"], ["valor"]),
    (0, ["a", "valor"], ["valor", "valor"]),
    (30, ["pa\u00eds"], ["x\ny", "b\"\\"]),
    (2, ["a_name_that_is_longer_than_the_decoder_compares_at_once", "k"], ["valor"]),
]


def ask(program, implementation, job, records):
    scale, group_by, sums = job
    data = b"".join(struct.pack("<I", len(record)) + record for record in records)
    done = subprocess.run([program, implementation, str(scale), ",".join(group_by), ",".join(sums)],
                          input=data, stdout=subprocess.PIPE, check=False)
    if done.returncode == NOT_HERE:
        return None
    lines = done.stdout.decode().splitlines()
    if done.returncode != 0 or len(lines) != len(records):
        sys.exit(f"{program} ended with {done.returncode} after {len(lines)} of {len(records)}, "
                 f"next was {records[len(lines):][:1]}")
    return lines


def compare(program, job, records, expected, origin):
    """How many implementations were asked; exits at the first difference."""
    asked = 0
    for implementation in IMPLEMENTATIONS:
        lines = ask(program, implementation, job, records)
        if lines is None:
            continue
        asked += 1
        for record, line, wanted in zip(records, lines, expected):
            if line != wanted:
                sys.exit(f"{origin}, simdjson {implementation}, job {job}\n  record:   {record!r}\n"
                         f"  decoder:  {line}\n  expected: {wanted}")
    return asked


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("program")
    parser.add_argument("doc", type=pathlib.Path)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--cases", type=int, default=20000)
    options = parser.parse_args()

    examples = list(examples_of(options.doc))
    if len(examples) < 25:
        sys.exit(f"only {len(examples)} examples were found in {options.doc}")
    for job, record, said in examples:
        if expected_line(job, record) != said:
            sys.exit(f"of {record!r} the page says {said}, "
                     f"the checker {expected_line(job, record)}")
        compare(options.program, job, [record], [said], "an example of the page")

    dice = random.Random(options.seed)
    seen = dict.fromkeys(["ok"] + REASONS, 0)
    asked = 0
    for job in JOBS:
        cases = Cases(job, dice)
        records = [cases.any() for _ in range(options.cases // len(JOBS))]
        expected = [expected_line(job, record) for record in records]
        for line in expected:
            seen[line.split(" ")[0]] += 1
        asked = compare(options.program, job, records, expected, f"seed {options.seed}")
    print(f"{len(examples)} examples and {options.cases} cases agree, {asked} times; seed "
          f"{options.seed}:", ", ".join(f"{name} {count}" for name, count in seen.items()))
    if min(seen.values()) < options.cases // 2000:
        sys.exit("some verdict hardly came up: the cases no longer test it")


if __name__ == "__main__":
    main()
