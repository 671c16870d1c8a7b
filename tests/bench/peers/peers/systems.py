"""The systems: how each is built and started."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from .common import BINARY, BROKER, BUILT, HERE, run
from .jobs.job import Job

# What Flink and Spark need to run on a Java of this decade.
OPENED = [
    "java.base/" + package
    for package in ("java.lang", "java.lang.invoke", "java.lang.reflect", "java.io", "java.net",
                    "java.nio", "java.util", "java.util.concurrent", "java.util.concurrent.atomic",
                    "sun.nio.ch", "sun.nio.cs", "sun.security.action", "sun.util.calendar")
]  # fmt: skip


@dataclass(frozen=True)
class Task:
    """What a system is asked to do."""

    job: Job
    name: str  # of the application: all that it owns begins with it
    source: str
    results: str
    grace_s: int
    interval_ms: int  # from one commit to the next, where a program has to be told
    scratch: Path  # a folder of its own


def of_kstream(task: Task) -> list[str]:
    statement = task.job.kstream(task.source, task.grace_s)
    return [BINARY, "aggregate", "-b", BROKER, "--application-id", task.name,
            "--output-topic", task.results, *statement]  # fmt: skip


def of_franz_go(task: Task) -> list[str]:
    return [str(BUILT / "franz-go"), BROKER, task.source, task.results, task.name]


def java(system: str, *arguments: str) -> list[str]:
    opened = [word for package in OPENED for word in ("--add-opens", f"{package}=ALL-UNNAMED")]
    path = f"{BUILT / system / 'classes'}:{BUILT / system / 'lib'}/*"
    pom = (HERE / system / "pom.xml").read_text()
    main_class = pom.partition("<main.class>")[2].partition("</main.class>")[0]
    return ["java", *opened, "-Xmx2g", "-Dorg.slf4j.simpleLogger.defaultLogLevel=warn",
            "-cp", path, main_class, *arguments]  # fmt: skip


def named(task: Task, **more: str) -> list[str]:
    words = {
        "brokers": BROKER,
        "source": task.source,
        "results": task.results,
        "application": task.name,
        "scratch": task.scratch,
        "grace_s": task.grace_s,
        "interval_ms": task.interval_ms,
        **more,
    }
    return [f"{name}={value}" for name, value in words.items()]


def of_flink(task: Task) -> list[str]:
    job = task.job
    scripts = ",".join(str(HERE / "flink" / "sql" / name) for name in job.flink)
    told = {"statement": job.statement(task.source)} if job.statement else {}
    return java("flink", *named(task, scripts=scripts, state=job.flink_state, **told))


def of_streams(task: Task) -> list[str]:
    return java("kafka-streams", *named(task, job=task.job.name))


def of_spark(task: Task) -> list[str]:
    return java("spark", BROKER, task.source, task.results, task.name, str(task.scratch))


@dataclass(frozen=True)
class System:
    guarantee: str
    command: Callable[[Task], list[str]]
    # The digits to which its avg() is rounded before a round() around it sees it. None: it is not.
    average_digits: int | None = None
    # Whether its program can be: latency says nothing of one that always waits a second.
    told_how_often: bool = True


SYSTEMS = {
    "kstream": System("exactly-once", of_kstream),
    "franz-go": System("none", of_franz_go, told_how_often=False),
    # Its avg() of a DECIMAL(p, s) is a DECIMAL(38, max(s, 6)), and s is 2 or 0 here. So an average
    # below x.xx5 by up to 0.0000005 comes out a cent above the exact one: its rule, and no error.
    "flink": System("exactly-once", of_flink, average_digits=6),
    "kafka-streams": System("exactly-once", of_streams),
    "spark": System("at-least-once", of_spark, told_how_often=False),
}


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
