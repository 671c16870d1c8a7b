"""PostgreSQL as the judge of a statement that kstream has run: the same records, exported from the
topic, under the script that `kstream explain --as postgres` prints."""

from __future__ import annotations

import csv
import io
import json
import re
import sys
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path

from .case import IntegrationTest
from .cluster import ROOT

sys.path.insert(0, str(ROOT / "tests" / "oracle"))
import postgres  # noqa: E402

NEEDED = "no PostgreSQL here (scripts/setup.sh installs it)"
Row = list[tuple[str, object]]


def is_here() -> bool:
    return postgres.programs() is not None


@dataclass
class Judgement:
    """`ours` and `theirs` are rows as comparable texts, sorted."""

    rows: list[Row]  # published
    ours: list[str]
    theirs: list[str]
    verdicts: dict[str, int]  # PostgreSQL's: aggregated, filtered, duplicate, late, bad -> records
    advances: int  # of partitions in which nothing came


def judge(test: IntegrationTest, job: list[str], seconds: float = 60) -> Judgement:
    """What is published of `job`, which has come to the end of its source, and what has to be."""
    printed = test.start("results", *job, "--json").expect(0, seconds).stdout
    return _judged(test, job, [_parsed(line) for line in printed.splitlines()], seconds)


def judge_sample(test: IntegrationTest, job: list[str], seconds: float = 60) -> Judgement:
    """The same of what a sample of the whole topic shows; how many records are of each verdict has
    to be equal."""
    printed = test.start("explain", *job, "--json", "--sample", "1000000").expect(0, seconds).stdout
    told = dict(dict(_parsed(printed))["sample"])
    found = _judged(test, job, [dict(row)["value"] for row in told["results"]], seconds)
    for verdict in ("aggregated", "filtered", "late"):
        test.assertEqual(told.get(verdict, 0), found.verdicts.get(verdict, 0), verdict)
    test.assertEqual(told["records"] - told["tombstones"], sum(found.verdicts.values()))
    return found


def _judged(test: IntegrationTest, job: list[str], rows: list[Row], seconds: float) -> Judgement:
    export = test.directory / "records.tsv"
    test.start("explain", *job, "--export", str(export)).expect(0, seconds)
    script = test.start("explain", *job, "--as", "postgres").expect(0).stdout
    verdicts, theirs = _run(script, export)
    with export.open("rb") as lines:
        advances = sum(line.split(b"\t", 4)[3] == b"advance" for line in lines)
    return Judgement(rows, _comparable(rows), _comparable(theirs), verdicts, advances)


def _run(script: str, export: Path) -> tuple[dict[str, int], list[Row]]:
    """The script as it is; what it prints is made JSON of."""
    before, select = script.rsplit("-- ==== The results ====\n", 1)
    with postgres.Server() as server:
        (server.folder / "records.tsv").write_bytes(export.read_bytes())
        answers = server.run(f"{before}\\echo ==\nSELECT row_to_json(r) FROM "
                             f"({select.rstrip().rstrip(';')}) r;\n\\pset format csv\n"
                             f"\\pset tuples_only off\n\\echo ==\n{select}")  # fmt: skip
    counts, found, table = answers.split("==\n")
    verdicts = {verdict: int(count) for verdict, count in
                (line.split("|") for line in counts.splitlines())}  # fmt: skip
    made = [_parsed(line) for line in found.splitlines()]
    # What a person sees has as many rows, under the same names.
    shown = list(csv.reader(io.StringIO(table)))
    assert len(shown) == 1 + len(made), table
    assert not made or shown[0] == [name for name, _ in made[0]], table
    return verdicts, [[(name, _in_utc(value)) for name, value in row] for row in made]


def _parsed(line: str) -> Row:
    return json.loads(line, parse_float=Decimal, parse_int=Decimal, object_pairs_hook=list)


def _in_utc(value: object) -> object:
    return value.replace("+00:00", "Z") if isinstance(value, str) else value


def _comparable(rows: list[Row]) -> list[str]:
    return sorted(repr([(name, _plain(value)) for name, value in row]) for row in rows)


def _plain(value: object) -> object:
    if isinstance(value, Decimal):
        return value.normalize() if value else Decimal(0)
    if isinstance(value, str) and re.fullmatch(r"\d{4}-\d\d-\d\d[T ][\d:.]+(Z|\+00)", value):
        moment = re.sub("(Z|\\+00)$", "", value.replace(" ", "T"))
        return re.sub(r"(\.\d*?)0+$", r"\1", moment).removesuffix(".")
    return value
