"""The cluster of scripts/cluster.sh, and the few requests that would each cost a JVM otherwise."""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import struct
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

from .waiting import wait_for

ROOT = Path(__file__).resolve().parents[3]
SCRIPT = ROOT / "scripts" / "cluster.sh"
sys.path.insert(0, str(ROOT / "tools"))
from totals_check.log_ends import MOVED, Extent, Log, NoSuchTopic, NotNow  # noqa: E402

sys.path.insert(0, str(ROOT / "scripts" / "lib"))
import kafka_admin  # noqa: E402
from kafka_probe import (  # noqa: E402
    METADATA,
    Broker,
    NotReady,
    Reader,
    Unanswered,
    compact,
    first_answer,
    string,
    uvarint,
)

BROKERS = "localhost:29092,localhost:39092,localhost:49092"
LOG = Log(BROKERS)
COMMAND_SECONDS = 150
DESCRIBE_GROUPS, DESCRIBE_CONFIGS, INCREMENTAL_ALTER_CONFIGS = 15, 32, 44
TOPIC_RESOURCE = 2
DIRECTORY = "KSTREAM_CLUSTER_DIR"
MEMORY = Path("/dev/shm")
MEMORY_BYTES = 6 << 30  # the whole suite leaves half a GiB


def command(
    *arguments: str, check: bool = True, environment: dict[str, str] | None = None
) -> subprocess.CompletedProcess[str]:
    done = subprocess.run(
        [str(SCRIPT), *arguments],
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=COMMAND_SECONDS,
        check=False,
        env=environment,
    )
    if check and done.returncode != 0:
        raise AssertionError(
            f"cluster.sh {' '.join(arguments)}: {done.returncode}\n{done.stdout}{done.stderr}"
        )
    return done


def keep_in_memory() -> bool:
    """Where its next start puts the data: in memory, if there is room and no other place was
    asked for. A test ends processes, never the machine, so a disk adds nothing to what it shows;
    but one on which an fsync takes ten seconds, as after a large build, stops controllers and
    brokers, and with them whatever a test waits for."""
    if DIRECTORY in os.environ or not MEMORY.is_dir():
        return False
    if shutil.disk_usage(MEMORY).free < MEMORY_BYTES:
        return False
    os.environ[DIRECTORY] = str(MEMORY / f"kstream-tests-{os.getuid()}")
    return True


def is_ready() -> bool:
    return command("status", check=False).returncode == 0


def up() -> None:
    command("up")


def bring_back(node: str) -> None:
    """A broker that was killed reads through its unflushed segments first. On a development cluster
    that has seen a benchmark that takes longer than cluster.sh itself is ready to wait."""
    command("start", node, check=False)
    wait_for(is_ready, 240, f"{node} serves again", poll=1.0)


def directory() -> Path:
    """Where the data, logs and pids of its nodes are."""
    return Path(os.environ.get(DIRECTORY, ROOT / "build" / "cluster"))


def pid_of(node: str) -> int:
    return int((directory() / node / "pid").read_text())


@contextlib.contextmanager
def paused(node: str) -> Iterator[None]:
    """The node neither runs nor answers meanwhile; its connections stay."""
    pid = pid_of(node)
    os.kill(pid, signal.SIGSTOP)
    try:
        yield
    finally:
        os.kill(pid, signal.SIGCONT)


def tool(name: str, *arguments: str) -> str:
    """One of Kafka's own tools, against this cluster."""
    # A short life needs no optimizing compiler.
    quick = os.environ | {"JAVA_TOOL_OPTIONS": "-XX:TieredStopAtLevel=1"}
    arguments = ("tool", name, "--bootstrap-server", BROKERS, *arguments)
    return command(*arguments, environment=quick).stdout


def extents(topic: str) -> dict[int, Extent]:
    """Where the topic begins and ends now; waits while a leader moves."""

    def ask() -> dict[int, Extent] | None:
        try:
            return LOG.extents(topic)
        except NotNow:
            return None

    return wait_for(ask, 30, f"an answer about {topic}")


def coordinating_partition(name: str, topic: str) -> int:
    """Which partition of __consumer_offsets or __transaction_state a group or a transactional id
    belongs to: by the absolute value of Java's String.hashCode (Kafka's Utils.abs, and not
    toPositive, by which keys of records are placed)."""
    number = 0
    for character in name:
        number = (31 * number + ord(character)) & 0xFFFFFFFF
    signed = number - (1 << 32) if number >> 31 else number
    return (0 if signed == -(1 << 31) else abs(signed)) % len(LOG.leaders(topic))


def coordinator(group: str) -> str:
    """The node that coordinates the group: it leads the partition of the group's offsets."""
    leaders = LOG.leaders("__consumer_offsets")
    port = leaders[coordinating_partition(group, "__consumer_offsets")].rpartition(":")[2]
    return f"broker-{int(port[0]) - 1}"


def group_members(group: str) -> list[str]:
    """The client ids of a group's members, as its coordinator has them; none of a group that is not
    there."""

    def one_member(r: Reader) -> str:
        r.string()
        client = r.string()
        r.string()
        for _ in range(2):  # metadata, assignment
            size = r.take("i")
            r.position += size
        return client or ""

    def ask() -> tuple[list[str]] | None:
        try:
            address = LOG.leaders("__consumer_offsets")[
                coordinating_partition(group, "__consumer_offsets")
            ]
            with Broker(address) as broker:
                reader = broker.ask(DESCRIBE_GROUPS, 0, struct.pack(">i", 1) + string(group))
        except (Unanswered, NotNow):
            return None
        reader.take("i")
        if reader.take("h") != 0:
            return None
        for _ in range(4):  # group, state, protocol type, protocol
            reader.string()
        return (reader.array(one_member),)

    return wait_for(ask, 30, f"an answer about group {group}")[0]


def record_count(topic: str) -> int:
    """How many offsets a topic holds: records, for one that was written without transactions."""
    return sum(e.end - e.start for e in extents(topic).values())


def wait_until_known(topics: list[str]) -> None:
    """Until every broker that answers knows the topics: each learns it in its own time."""

    def known() -> bool:
        for address in BROKERS.split(","):
            try:
                for topic in topics:
                    Log(address).leaders(topic)
            except NoSuchTopic:
                return False
            except NotNow:
                continue
        return True

    wait_for(known, 30, f"all brokers know {topics}")


def topic_ids(topic: str) -> set[bytes]:
    """The ids that the brokers that answer have for a topic: one, but for the moments in which some
    of them have learned that another one has taken its place. Empty for one that has none."""

    def at(address: str) -> bytes:
        body = uvarint(2) + bytes(16) + compact(topic.encode()) + b"\0" + b"\0\0\0\0"
        with Broker(address) as broker:
            reader = broker.ask(METADATA, 10, body, flexible=True)
        reader.take("i")

        def one_broker(r: Reader) -> None:
            r.take("i"), r.compact_string(), r.take("i"), r.compact_string(), r.tags()

        reader.compact_array(one_broker)
        reader.compact_string()
        reader.take("i")
        reader.uvarint()
        error = reader.take("h")
        reader.compact_string()
        return reader.data[reader.position : reader.position + 16] if error == 0 else b""

    found = set()
    for address in BROKERS.split(","):
        with contextlib.suppress(Unanswered):
            found.add(at(address))
    return found


def alter_topic(topic: str, config: dict[str, str]) -> None:
    """Returns when all brokers that answer have it so: each learns it in its own time."""
    resource = struct.pack(">ib", 1, TOPIC_RESOURCE) + string(topic)
    body = resource + struct.pack(">i", len(config))
    for key, value in config.items():
        body += string(key) + struct.pack(">b", 0) + string(value)
    body += struct.pack(">?", False)
    reader = first_answer(BROKERS.split(","), lambda b: b.ask(INCREMENTAL_ALTER_CONFIGS, 0, body))
    reader.take("i")
    ((error, said),) = reader.array(lambda r: (r.take("h"), r.string()))
    assert error == 0, f"{topic}: error {error}, {said}"

    def one_setting(r: Reader) -> tuple[str, str]:
        setting = r.string(), r.string()
        r.take("b"), r.take("b"), r.take("b")
        r.array(lambda r: (r.string(), r.string(), r.take("b")))
        return setting

    def has_it(address: str) -> bool:
        try:
            with Broker(address) as broker:
                reader = broker.ask(DESCRIBE_CONFIGS, 1, resource + struct.pack(">i?", -1, False))
        except Unanswered:
            return True
        reader.take("i"), reader.take("i")
        reader.take("h"), reader.string(), reader.take("b"), reader.string()
        return config.items() <= dict(reader.array(one_setting)).items()

    for address in BROKERS.split(","):
        wait_for(lambda a=address: has_it(a), 30, f"{address} has {config} for {topic}")


def exists(topic: str) -> bool:
    """Whether any broker that answers knows it: each forgets a deleted topic in its own time."""
    for address in BROKERS.split(","):
        try:
            Log(address).leaders(topic)
            return True
        except (NoSuchTopic, NotNow):
            continue
    return False


def delete_topics(topics: list[str]) -> None:
    """Best effort, for cleaning up: what does not exist is fine."""
    try:
        kafka_admin.delete_topics(BROKERS.split(","), topics)
    except (Unanswered, NotReady):
        pass


def delete_group(group: str) -> None:
    """Its committed offsets go with it. One that is gone is fine; one with members is not: who
    has ended has left."""

    def ask() -> bool:
        try:
            kafka_admin.delete_group(BROKERS.split(","), group)
            return True
        except kafka_admin.NotEmpty as error:
            raise AssertionError(str(error)) from error
        except (Unanswered, NotReady):
            return False  # its coordinator moves

    wait_for(ask, 30, f"group {group} is gone")


def delete_topic(topic: str) -> None:
    delete_topics([topic])
    wait_for(lambda: not exists(topic), 30, f"{topic} is gone")
