#!/usr/bin/env python3
"""kstream beside what it takes the place of: one job, one topic, one broker, one machine.

    run.py                                       20,000,000 records, every system once
    run.py --records 2000000 --systems kstream,flink
    run.py --job statement --rounds 3            one SELECT, in kstream and in Flink SQL
    run.py --rounds 3 --json

The default job is kstream's: sum and count per seller. With --job statement it is a SELECT with a
WHERE and five aggregates, which kstream and Flink SQL are given as the same text; the other systems
state the default job in their code, and are not compared. Each system reads the same topic with
the settings that suit it best (its program says which and why) and publishes to a results topic of
its own, as often as kstream does while it reads a backlog: once a second. Measured is from the
start of the process to the moment at which a read_committed reader has seen every record that the
job takes in the totals, with the CPU time and the memory of that process; the broker's are not in
it. A rate counts all records of the topic, whether or not WHERE takes them.

The totals of all of them, kstream's too, are compared number by number with those that this
program has made before the first round: of the records as Kafka's console consumer prints them, by
Python's json and decimal, with nothing of any system's. An average is the exact quotient of sum and
count, rounded half away from zero: once, or in the steps that a system takes (SYSTEMS).

Starts a broker of its own (scripts/cluster.sh up --single, data in memory) and removes it. Builds
the others from Maven and the Go module proxy into build/peers; Java 17, Maven and Go have to be
there for those that need them. Give the machine nothing else to do. No system gets more than
--limit seconds.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import signal
import statistics
import subprocess
import sys
import tempfile
import time
from collections import defaultdict
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from decimal import ROUND_HALF_UP, Decimal
from pathlib import Path

HERE = Path(__file__).resolve().parent
ROOT = HERE.parents[2]
sys.path.insert(0, str(ROOT / "tests" / "integration"))
from harness import cluster  # noqa: E402
from totals_check.console import read_values  # noqa: E402

BINARY = os.environ.get("KSTREAM", str(ROOT / "build/release/bin/kstream"))
BUILT = ROOT / "build" / "peers"
BROKER = "localhost:29092"
SOURCE = "peers_source"  # a name without quotes, in PostgreSQL's dialect and in Flink's
PARTITIONS = 6
READ_PATIENCE = 60  # seconds without a record
KEY = "id_vendedor"
# What Flink and Spark need to run on a Java of this decade.
OPENED = [
    "java.base/" + package
    for package in ("java.lang", "java.lang.invoke", "java.lang.reflect", "java.io", "java.net",
                    "java.nio", "java.util", "java.util.concurrent", "java.util.concurrent.atomic",
                    "sun.nio.ch", "sun.nio.cs", "sun.security.action", "sun.util.calendar")
]  # fmt: skip


# ---- the systems and the jobs --------------------------------------------------------------------


@dataclass(frozen=True)
class System:
    guarantee: str
    jobs: tuple[str, ...] = ("default",)  # those that it can be asked for
    # The digits to which its avg() is rounded before a round() around it sees it. None: it is not.
    average_digits: int | None = None


SYSTEMS = {
    "kstream": System("exactly-once", ("default", "statement")),
    "franz-go": System("none"),
    # Its avg() of a DECIMAL(p, s) is a DECIMAL(38, max(s, 6)), and s is 2 here. So an average below
    # x.xx5 by up to 0.0000005 comes out a cent above the exact one: its rule, and no error.
    "flink": System("exactly-once", ("default", "statement"), average_digits=6),
    "kafka-streams": System("exactly-once"),
    "spark": System("at-least-once"),
}


class Sales:
    """Those of one seller that a job takes."""

    def __init__(self) -> None:
        self.count = 0
        self.total = Decimal(0)
        self.least = Decimal("Infinity")
        self.greatest = Decimal("-Infinity")

    def add(self, amount: Decimal) -> None:
        self.count += 1
        self.total += amount
        self.least = min(self.least, amount)
        self.greatest = max(self.greatest, amount)

    def average(self, system: System) -> Decimal:
        # The quotient has 28 digits, which is enough to tell a half of the d-th digit from what is
        # next to it: no average of n amounts in cents is nearer to one than 1 / (2n * 10^d).
        average = self.total / self.count
        if system.average_digits is not None:
            average = rounded(average, system.average_digits)
        return rounded(average, 2)


def rounded(value: Decimal, digits: int) -> Decimal:
    """Half away from zero."""
    return value.quantize(Decimal(1).scaleb(-digits), ROUND_HALF_UP)


Row = dict[str, Decimal]  # a result without its key


@dataclass(frozen=True)
class Job:
    about: str
    options: list[str]  # of kstream
    counted: str  # the column that says of how many records a row is
    takes: Callable[[dict], bool]
    row: Callable[[Sales, System], Row]
    statement: list[str] = field(default_factory=list)  # for a program that has to be told


# As `kstream bench --scenario statement` measures it.
STATEMENT = (
    "SELECT id_vendedor, count(*) AS n, sum(valor) AS total, min(valor) AS menor, "
    f"max(valor) AS maior, round(avg(valor), 2) AS media FROM {SOURCE} "
    "WHERE moeda = 'BRL' AND metodo_pagamento IN ('pix', 'cartao') GROUP BY id_vendedor"
)

JOBS = {
    "default": Job(
        about="sum and count per seller",
        options=["--group-by", KEY, "--sum", "valor=valor_total_por_vendedor",
                 "--count", "numero_transacoes"],
        counted="numero_transacoes",
        takes=lambda sale: True,
        row=lambda sales, _: {
            "valor_total_por_vendedor": sales.total,
            "numero_transacoes": Decimal(sales.count),
        },
    ),
    "statement": Job(
        about="WHERE on two fields, five aggregates per seller",
        options=["--query", STATEMENT],
        counted="n",
        takes=lambda sale: sale["moeda"] == "BRL" and sale["metodo_pagamento"] in ("pix", "cartao"),
        row=lambda sales, system: {
            "n": Decimal(sales.count),
            "total": sales.total,
            "menor": sales.least,
            "maior": sales.greatest,
            "media": sales.average(system),
        },
        statement=[STATEMENT],
    ),
}  # fmt: skip


def say(what: str) -> None:
    print(what, file=sys.stderr, flush=True)


def run(*command: str, **options) -> str:
    done = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=False, **options)
    if done.returncode != 0:
        sys.exit(f"{' '.join(command)} ended with {done.returncode}")
    return done.stdout


def those_with(job: str) -> list[str]:
    return [name for name, system in SYSTEMS.items() if job in system.jobs]


def build(system: str) -> None:
    BUILT.mkdir(parents=True, exist_ok=True)
    folder = HERE / system
    if (folder / "go.mod").exists():
        run("go", "build", "-o", str(BUILT / system), ".", cwd=folder)
    elif (folder / "pom.xml").exists():
        libraries = BUILT / system / "lib"
        run("mvn", "--batch-mode", "--quiet", "-f", str(folder / "pom.xml"),
            f"-Dpeers.build={BUILT}", "compile", "dependency:copy-dependencies",
            "-DincludeScope=runtime", f"-DoutputDirectory={libraries}")  # fmt: skip


def main_class(system: str) -> str:
    text = (HERE / system / "pom.xml").read_text()
    return text.partition("<main.class>")[2].partition("</main.class>")[0]


def command_of(system: str, job: Job, results: str, name: str, scratch: Path) -> list[str]:
    if system == "kstream":
        return [BINARY, "aggregate", "-b", BROKER, "--application-id", name, "-t", SOURCE,
                "--output-topic", results, *job.options]  # fmt: skip
    if system == "franz-go":
        return [str(BUILT / system), BROKER, SOURCE, results, name]
    opened = [word for package in OPENED for word in ("--add-opens", f"{package}=ALL-UNNAMED")]
    path = f"{BUILT / system / 'classes'}:{BUILT / system / 'lib'}/*"
    return ["java", *opened, "-Xmx2g", "-Dorg.slf4j.simpleLogger.defaultLogLevel=warn",
            "-cp", path, main_class(system),
            BROKER, SOURCE, results, name, str(scratch), *job.statement]  # fmt: skip


# ---- the judge -----------------------------------------------------------------------------------


def recount(job: Job, records: int) -> dict[str, Sales]:
    """Of each seller, what the job has to come to."""
    sellers: dict[str, Sales] = defaultdict(Sales)
    decode = json.JSONDecoder(parse_float=Decimal, parse_int=Decimal).decode

    def see(lines: list[str | None]) -> None:
        for line in lines:
            sale = decode(line)
            if job.takes(sale):
                sellers[sale[KEY]].add(sale["valor"])

    if not read_values(BROKER, SOURCE, records, see, READ_PATIENCE, pause=READ_PATIENCE):
        sys.exit(f"topic {SOURCE} gave fewer than {records} records: none for {READ_PATIENCE} s")
    return dict(sellers)


def difference(expected: dict[str, Row], found: dict[str, Row]) -> str | None:
    for key in sorted(expected.keys() | found.keys()):
        if expected.get(key) != found.get(key):
            wanted, got = (
                ", ".join(f"{column} {number}" for column, number in rows.get(key, {}).items())
                for rows in (expected, found)
            )
            return f"{key}: {wanted or 'nothing'} expected, {got or 'nothing'} found"
    return None


# ---- one measurement -----------------------------------------------------------------------------


class Totals:
    """What a read_committed reader of a results topic sees, as it comes."""

    def __init__(self, job: Job, topic: str) -> None:
        # Without the job's options the reader would leave out what kstream has not written.
        self._reader = subprocess.Popen(
            [BINARY, "results", "-b", BROKER, "--output-topic", topic, *job.options, "--follow",
             "--json", "--log-level", "error"],
            stdout=subprocess.PIPE, text=True)  # fmt: skip
        self._counted = job.counted
        self.rows: dict[str, Row] = {}

    def wait_for(self, count: int) -> float:
        """Until the counts sum to that; returns the moment. Ends with the reader, who is ended by
        whoever loses patience."""
        assert self._reader.stdout is not None
        seen = 0
        for line in self._reader.stdout:
            row = json.loads(line, parse_float=Decimal, parse_int=Decimal)
            key = row.pop(KEY)
            before = self.rows.get(key)
            seen += row[self._counted] - (before[self._counted] if before else 0)
            self.rows[key] = row
            if seen >= count:
                return time.monotonic()
        raise TimeoutError

    def end(self) -> None:
        self._reader.kill()
        self._reader.wait()


def measure(system: str, job: Job, count: int, name: str, limit: int) -> dict:
    """Until so many records are in the totals."""
    results = f"{name}-results"
    cluster.tool("kafka-topics", "--create", "--topic", results, "--partitions", str(PARTITIONS),
                 "--replication-factor", "1", "--config", "cleanup.policy=compact")  # fmt: skip
    totals = Totals(job, results)
    with tempfile.TemporaryDirectory(dir=cluster.MEMORY) as scratch:
        log = BUILT / f"{name}.log"
        with log.open("wb") as into:
            started = time.monotonic()
            process = subprocess.Popen(
                command_of(system, job, results, name, Path(scratch)),
                stdin=subprocess.DEVNULL, stdout=into, stderr=into)  # fmt: skip

            def give_up(*_: object) -> None:
                totals.end()

            signal.signal(signal.SIGALRM, give_up)
            signal.alarm(limit)
            try:
                seconds = totals.wait_for(count) - started
            except TimeoutError:
                seconds = None
            finally:
                signal.alarm(0)
                totals.end()
                # Not by poll() or send_signal(): of a process that has ended by itself they would
                # take what wait4() has to tell.
                os.kill(process.pid, signal.SIGKILL)
                _, _, usage = os.wait4(process.pid, 0)
    if seconds is None:
        sys.exit(f"{system}: not all in the totals after {limit} s, see {log}")
    return {
        "system": system,
        "seconds": seconds,
        "cpu_seconds": usage.ru_utime + usage.ru_stime,
        "memory_mib": usage.ru_maxrss / 1024,
        "rows": totals.rows,
    }


# ---- all of them ---------------------------------------------------------------------------------


@contextmanager
def broker() -> Iterator[None]:
    directory = cluster.MEMORY / f"kstream-peers-{os.getpid()}"
    os.environ[cluster.DIRECTORY] = str(directory)
    cluster.command("up", "--single")
    try:
        yield
    finally:
        cluster.command("down", "--wipe")
        shutil.rmtree(directory, ignore_errors=True)


def compare(options: argparse.Namespace) -> list[dict]:
    found = []
    job = JOBS[options.job]
    run(BINARY, "produce", "-b", BROKER, "-t", SOURCE, "--output-topic", "peers-unused",
        "--count", str(options.records), "--sellers", str(options.sellers),
        "--log-level", "error")  # fmt: skip
    say("recounting the records ...")
    sellers = recount(job, options.records)
    count = sum(sales.count for sales in sellers.values())
    if count == 0:
        sys.exit("the job takes none of these records: more are needed")
    for number in range(options.rounds):
        for system in options.systems:
            say(f"round {number + 1}: {system} ...")
            figures = measure(system, job, count, f"peers-{system}-{number}", options.limit)
            expected = {key: job.row(sales, SYSTEMS[system]) for key, sales in sellers.items()}
            wrong = difference(expected, figures.pop("rows"))
            if wrong:
                say(f"{system} is wrong: {wrong}")
            found.append({"job": options.job, **figures, "right": wrong is None})
    return found


def table(found: list[dict], options: argparse.Namespace) -> str:
    lines = [
        f"{JOBS[options.job].about}: {options.records:,} records, {options.sellers} sellers, "
        f"median of {options.rounds}",
        "",
        "| system | guarantee | seconds | records/s | CPU s | records per CPU s | MiB | totals |",
        "|---|---|---:|---:|---:|---:|---:|---|",
    ]
    for system in options.systems:
        rounds = [one for one in found if one["system"] == system]
        seconds, cpu, memory = (
            statistics.median(one[figure] for one in rounds)
            for figure in ("seconds", "cpu_seconds", "memory_mib")
        )
        right = "right" if all(one["right"] for one in rounds) else "WRONG"
        lines.append(
            f"| {system} | {SYSTEMS[system].guarantee} | {seconds:.1f}"
            f" | {options.records / seconds:,.0f} | {cpu:.1f} | {options.records / cpu:,.0f}"
            f" | {memory:,.0f} | {right} |"
        )
    return "\n".join(lines)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    jobs = "; ".join(f"{name}: {job.about}" for name, job in JOBS.items())
    parser.add_argument("--job", choices=JOBS, default="default", help=jobs)
    parser.add_argument("--records", type=int, default=20_000_000, help="%(default)s")
    parser.add_argument("--sellers", type=int, default=3, help="%(default)s")
    parser.add_argument("--rounds", type=int, default=1,
                        help="runs of each system, of which the medians are shown")  # fmt: skip
    parser.add_argument("--limit", type=int, default=300, help="seconds for each run (%(default)s)")
    parser.add_argument("--systems", help=f"a list of {', '.join(SYSTEMS)}; all that have the job")
    parser.add_argument("--json", action="store_true", help="all runs, as JSON")
    options = parser.parse_args()
    able = those_with(options.job)
    options.systems = options.systems.split(",") if options.systems else able
    if unknown := [system for system in options.systems if system not in SYSTEMS]:
        parser.error(f"no such system: {', '.join(unknown)}")
    if unable := [system for system in options.systems if system not in able]:
        parser.error(f"--job {options.job} is not compared with {', '.join(unable)}: the program "
                     f"states its job in code. Compared are {', '.join(able)}")  # fmt: skip
    for system in options.systems:
        build(system)
    with broker():
        found = compare(options)
    print(json.dumps(found, indent=1, default=str) if options.json else table(found, options))
    return 0 if all(one["right"] for one in found) else 1


if __name__ == "__main__":
    sys.exit(main())
