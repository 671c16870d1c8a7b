#!/usr/bin/env python3
"""Random statements over hostile records: what kstream makes of them and what PostgreSQL does.

    statements.py STATEMENT_CASES [--statements N] [--seed S] [--records N] [--jobs N] [--ledger]

A case is a statement with some records. kstream runs it through its reader and both of its folds;
PostgreSQL runs the script that kstream prints for it, over an export that hostile_records.py
writes. Each record has to be used, filtered, a duplicate, late and bad in both, the rows have to be
equal, and so have the two exports. A difference is made smaller, and printed; what it came to, when
it was mended, stays in kept.json, which every run begins with.

--ledger writes a line to docs/reliability/ledger.jsonl. Exit code 1 for a difference, 77 where no
PostgreSQL is installed."""

from __future__ import annotations

import argparse
import calendar
import decimal
import json
import os
import random
import re
import subprocess
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from decimal import Decimal
from pathlib import Path

import postgres
from hostile_records import Members, Moments, Record, export_of, records_of, wanted_of
from random_statements import Generator, Statement

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "chaos"))
import ledger  # noqa: E402

KEPT = Path(__file__).with_name("kept.json")
BATCH = 25  # statements for one run of psql
BATCHES = 40  # in one database: what scripts have dropped fills its catalogs
RESULTS = "-- ==== The results ====\n"


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
            lines.append(f"R {record.partition} x{record.value.hex()} {key} {record.timestamp}")
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


def milliseconds(text: str) -> int:
    """Of a time in UTC. A window may end after the year 9999, where Python's calendar does."""
    found = re.fullmatch(r"(\d{4,})-(\d\d)-(\d\d)T(\d\d):(\d\d):(\d\d)(\.\d+)?(?:Z|\+00:00)", text)
    assert found, text
    year, *rest = map(int, found.groups()[:6])
    eras = max(year - 9600, 0) // 400
    seconds = calendar.timegm((year - 400 * eras, *rest)) + eras * 146_097 * 86_400
    return seconds * 1000 + int(Decimal(found[7] or "0") * 1000)


def comparable(value: object, kind: str) -> object:
    """Numbers by value, times in milliseconds."""
    if value is not None and kind == "timestamptz":
        return milliseconds(str(value))
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
                           "SELECT kafka_partition, kafka_offset, verdict FROM judged;\n"
                           "\\echo == rows\n"
                           f"SELECT row_to_json(r) FROM ({select.rstrip().rstrip(';')}) r;\n")
        said = self.server.run("".join(scripts), self.database) if scripts else ""
        for part in self.parts(said):
            index, found, rows = part
            one = judged[index]
            verdicts = in_order(found, cases[index].records)
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


def in_order(found: list[str], records: list[Record]) -> list[str]:
    """Verdicts behind partition and offset, in the order of the records."""
    verdicts = dict(line.rsplit("|", 1) for line in found)
    ends: dict[int, int] = {}
    made = []
    for record in records:
        offset = ends.get(record.partition, 0)
        ends[record.partition] = offset + 1
        made.append(verdicts[f"{record.partition}|{offset}"])
    return made


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
    moments = Moments(r)
    return Case(Generator(r, moments).statement(), records_of(r, moments, records),
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
    records = "".join(f"record     {one.partition} {one.value!r} {one.key!r} {one.timestamp}\n"
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
    idle += ["duplicate"] if counts.get("duplicate", 0) < tally.statements // 4 else []
    idle += ["late"] if counts.get("late", 0) < tally.statements // 4 else []
    if idle:
        print(f"too few records were {', '.join(idle)}")
    return 1 if idle or tally.differences else 0


if __name__ == "__main__":
    sys.exit(main())
