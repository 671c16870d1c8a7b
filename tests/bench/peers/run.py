#!/usr/bin/env python3
"""kstream beside what it takes the place of: one job, one topic, one broker, one machine.

    run.py                                       20,000,000 records, every system once
    run.py --records 2000000 --systems kstream,flink
    run.py --rounds 3 --json

The job is kstream's default one: sum and count per seller. Each system reads the same topic with
the settings that suit it best (its program says which and why) and publishes to a results topic of
its own, as often as kstream does while it reads a backlog: once a second. Measured is from the
start of the process to the moment at which a read_committed reader has seen every record in the
totals, with the CPU time and the memory of that process; the broker's are not in it. The totals of
kstream are proved by `kstream audit`, those of the others compared with them number by number.

Starts a broker of its own (scripts/cluster.sh up --single, data in memory) and removes it. Builds
the others from Maven and the Go module proxy into build/peers; Java 17, Maven and Go have to be
there. Give the machine nothing else to do. No system gets more than --limit seconds.
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
from collections.abc import Iterator
from contextlib import contextmanager
from decimal import Decimal
from pathlib import Path

HERE = Path(__file__).resolve().parent
ROOT = HERE.parents[2]
sys.path.insert(0, str(ROOT / "tests" / "integration"))
from harness import cluster  # noqa: E402

BINARY = os.environ.get("KSTREAM", str(ROOT / "build/release/bin/kstream"))
BUILT = ROOT / "build" / "peers"
BROKER = "localhost:29092"
PARTITIONS = 6
SUM, COUNT, KEY = "valor_total_por_vendedor", "numero_transacoes", "id_vendedor"
OPTIONS = ["--group-by", KEY, "--sum", f"valor={SUM}", "--count", COUNT]
# What Flink and Spark need to run on a Java of this decade.
OPENED = [
    "java.base/" + package
    for package in ("java.lang", "java.lang.invoke", "java.lang.reflect", "java.io", "java.net",
                    "java.nio", "java.util", "java.util.concurrent", "java.util.concurrent.atomic",
                    "sun.nio.ch", "sun.nio.cs", "sun.security.action", "sun.util.calendar")
]  # fmt: skip

GUARANTEES = {
    "kstream": "exactly-once",
    "franz-go": "none",
    "flink": "exactly-once",
    "kafka-streams": "exactly-once",
    "spark": "at-least-once",
}


def run(*command: str, **options) -> str:
    done = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=False, **options)
    if done.returncode != 0:
        sys.exit(f"{' '.join(command)} ended with {done.returncode}")
    return done.stdout


# ---- the systems ---------------------------------------------------------------------------------


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


def command_of(system: str, source: str, results: str, name: str, scratch: Path) -> list[str]:
    if system == "kstream":
        return [BINARY, "aggregate", "-b", BROKER, "--application-id", name, "-t", source,
                "--output-topic", results]  # fmt: skip
    if system == "franz-go":
        return [str(BUILT / system), BROKER, source, results, name]
    opened = [word for package in OPENED for word in ("--add-opens", f"{package}=ALL-UNNAMED")]
    path = f"{BUILT / system / 'classes'}:{BUILT / system / 'lib'}/*"
    return ["java", *opened, "-Xmx2g", "-Dorg.slf4j.simpleLogger.defaultLogLevel=warn",
            "-cp", path, main_class(system),
            BROKER, source, results, name, str(scratch)]  # fmt: skip


# ---- one measurement -----------------------------------------------------------------------------


class Totals:
    """What a read_committed reader of a results topic sees, as it comes."""

    def __init__(self, topic: str) -> None:
        # Without the options of the job the reader would leave out what kstream has not written.
        self._reader = subprocess.Popen(
            [BINARY, "results", "-b", BROKER, "--output-topic", topic, *OPTIONS, "--follow",
             "--json", "--log-level", "error"],
            stdout=subprocess.PIPE, text=True)  # fmt: skip
        self.rows: dict[str, dict] = {}

    def wait_for(self, count: int) -> float:
        """Until the counts sum to that; returns the moment. Ends with the reader, who is ended by
        whoever loses patience."""
        assert self._reader.stdout is not None
        for line in self._reader.stdout:
            row = json.loads(line, parse_float=Decimal, parse_int=Decimal)
            self.rows[row[KEY]] = row
            if sum(one[COUNT] for one in self.rows.values()) >= count:
                return time.monotonic()
        raise TimeoutError

    def end(self) -> None:
        self._reader.kill()
        self._reader.wait()


def measure(system: str, source: str, name: str, options: argparse.Namespace) -> dict:
    results = f"{name}-results"
    cluster.tool("kafka-topics", "--create", "--topic", results, "--partitions", str(PARTITIONS),
                 "--replication-factor", "1", "--config", "cleanup.policy=compact")  # fmt: skip
    totals = Totals(results)
    with tempfile.TemporaryDirectory(dir=cluster.MEMORY) as scratch:
        log = BUILT / f"{name}.log"
        with log.open("wb") as into:
            started = time.monotonic()
            process = subprocess.Popen(
                command_of(system, source, results, name, Path(scratch)),
                stdin=subprocess.DEVNULL, stdout=into, stderr=into)  # fmt: skip

            def give_up(*_: object) -> None:
                totals.end()

            signal.signal(signal.SIGALRM, give_up)
            signal.alarm(options.limit)
            try:
                seconds = totals.wait_for(options.records) - started
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
        sys.exit(f"{system}: not all in the totals after {options.limit} s, see {log}")
    return {
        "system": system,
        "seconds": seconds,
        "cpu_seconds": usage.ru_utime + usage.ru_stime,
        "memory_mib": usage.ru_maxrss / 1024,
        "rows": {key: (row[SUM], row[COUNT]) for key, row in totals.rows.items()},
    }


def prove(source: str, name: str) -> None:
    run(BINARY, "audit", "-b", BROKER, "--application-id", name, "-t", source,
        "--output-topic", f"{name}-results", "--log-level", "error")  # fmt: skip


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
    source = "peers-source"
    run(BINARY, "produce", "-b", BROKER, "-t", source, "--output-topic", "peers-unused",
        "--count", str(options.records), "--sellers", str(options.sellers),
        "--log-level", "error")  # fmt: skip
    expected: dict = {}
    for number in range(options.rounds):
        for system in options.systems:
            name = f"peers-{system}-{number}"
            print(f"round {number + 1}: {system} ...", file=sys.stderr, flush=True)
            figures = measure(system, source, name, options)
            if system == "kstream":
                prove(source, name)
                expected = figures["rows"]
            figures["right"] = figures.pop("rows") == expected
            found.append(figures)
    return found


def table(found: list[dict], options: argparse.Namespace) -> str:
    lines = [
        f"{options.records:,} records, {options.sellers} sellers, median of {options.rounds}",
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
            f"| {system} | {GUARANTEES[system]} | {seconds:.1f} | {options.records / seconds:,.0f}"
            f" | {cpu:.1f} | {options.records / cpu:,.0f} | {memory:,.0f} | {right} |"
        )
    return "\n".join(lines)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--records", type=int, default=20_000_000)
    parser.add_argument("--sellers", type=int, default=3)
    parser.add_argument("--rounds", type=int, default=1)
    parser.add_argument("--limit", type=int, default=300, help="seconds for each system")
    parser.add_argument("--systems", default=",".join(GUARANTEES),
                        help="a list of " + ", ".join(GUARANTEES))  # fmt: skip
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    options.systems = options.systems.split(",")
    if unknown := [system for system in options.systems if system not in GUARANTEES]:
        parser.error(f"no such system: {', '.join(unknown)}")
    if options.systems[0] != "kstream":
        options.systems.insert(0, "kstream")  # the others' totals are compared with its proved ones
    for system in options.systems:
        build(system)
    with broker():
        found = compare(options)
    print(json.dumps(found, indent=1, default=str) if options.json else table(found, options))
    return 0 if all(one["right"] for one in found) else 1


if __name__ == "__main__":
    sys.exit(main())
