"""What Kafka's own console consumer prints of a topic, and how to read it without ambiguity.

Values may hold any bytes, newlines and separators too. Kafka's BytesDeserializer prints printable
ASCII as it is and everything else, the backslash included, as \\xHH; a tab or a newline in the
output is therefore always the formatter's own. A null is printed as a random word that is made anew
for each run, so that no record can pass for it.
"""

from __future__ import annotations

import os
import re
import secrets
import select
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from .log_ends import Extent, Log, NotNow

CLUSTER = Path(__file__).resolve().parents[2] / "scripts" / "cluster.sh"
BYTES = "org.apache.kafka.common.serialization.BytesDeserializer"
HEADER_SEPARATOR = "\x1f"
# Silence after which we look whether what is left is only markers.
QUIET_SECONDS = 0.2
READ_BYTES = 1 << 20


class ReadError(Exception):
    """The topic could not be read to its end."""


@dataclass(frozen=True)
class Record:
    partition: int
    offset: int
    timestamp: int  # -1: none
    key: bytes | None
    value: bytes | None
    headers: tuple[tuple[str, bytes | None], ...] = ()


_ESCAPE = re.compile(rb"\\x([0-9A-F]{2})")


def unescape(text: str) -> bytes:
    data = text.encode("ascii")
    if "\\" not in text:
        return data
    return _ESCAPE.sub(lambda found: bytes([int(found[1], 16)]), data)


def parse(line: str, null: str) -> Record:
    """One line of the labeled form: timestamp, partition, offset, headers, key, value."""
    timestamp, partition, offset, headers, key, value = line.split("\t")

    def text_or_null(text: str) -> bytes | None:
        return None if text == null else unescape(text)

    def header(text: str) -> tuple[str, bytes | None]:
        name, _, content = text.partition(":")
        return name, text_or_null(content)

    return Record(
        int(partition.removeprefix("Partition:")),
        int(offset.removeprefix("Offset:")),
        -1 if timestamp == "NO_TIMESTAMP" else int(timestamp.partition(":")[2]),
        text_or_null(key),
        text_or_null(value),
        ()
        if headers == "NO_HEADERS"
        else tuple(header(one) for one in headers.split(HEADER_SEPARATOR)),
    )


class ConsoleConsumer:
    """A running console consumer, from the beginning of a topic; a context manager."""

    def __init__(self, brokers: str, topic: str, labeled: bool = True) -> None:
        self.topic = topic
        self.null = "null-" + secrets.token_hex(16)
        properties = {
            "key.deserializer": BYTES,
            "value.deserializer": BYTES,
            "headers.deserializer": BYTES,
            "headers.separator": HEADER_SEPARATOR,
            "null.literal": self.null,
        }
        if labeled:
            for name in ("timestamp", "partition", "offset", "headers", "key"):
                properties[f"print.{name}"] = "true"
        command = [str(CLUSTER), "tool", "kafka-console-consumer"]
        command += ["--bootstrap-server", brokers, "--topic", topic, "--from-beginning"]
        command += ["--isolation-level", "read_committed"]
        for name, value in properties.items():
            command += ["--formatter-property", f"{name}={value}"]
        for name, value in {
            "max.poll.interval.ms": "600000",  # we may be slow to read what it prints
            "fetch.max.wait.ms": "100",
            "max.poll.records": "5000",
            "metadata.max.age.ms": "5000",
        }.items():
            command += ["--command-property", f"{name}={value}"]
        self._errors = tempfile.TemporaryFile()
        # It lives for seconds: code that the quick compiler makes is good enough, and the slow one
        # would cost as much as the reading.
        java = os.environ.get("JAVA_TOOL_OPTIONS", "") + " -XX:TieredStopAtLevel=1"
        self._process = subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=self._errors,
            env=os.environ | {"JAVA_TOOL_OPTIONS": java.strip()},
        )
        assert self._process.stdout
        self._out = self._process.stdout.fileno()
        self._rest = b""

    def __enter__(self) -> "ConsoleConsumer":
        return self

    def __exit__(self, *_: object) -> None:
        # Nobody needs it to leave its group in good order: the group is its own and random.
        self._process.kill()
        self._process.wait()
        assert self._process.stdout
        self._process.stdout.close()
        self._errors.close()

    def lines(self, quiet_seconds: float = QUIET_SECONDS) -> Iterator[list[str]]:
        """Lists of whole lines as they come; an empty list for each time of silence."""
        while True:
            ready, _, _ = select.select([self._out], [], [], quiet_seconds)
            if not ready:
                yield []
                continue
            data = os.read(self._out, READ_BYTES)
            if not data:
                raise ReadError(f"console consumer of {self.topic} ended: {self._said()}")
            whole, newline, rest = (self._rest + data).rpartition(b"\n")
            self._rest = rest
            if newline:
                yield whole.decode("ascii").split("\n")

    def _said(self) -> str:
        self._errors.seek(0)
        return self._errors.read().decode(errors="replace").strip()[-2000:]


def read_values(
    brokers: str,
    topic: str,
    expected: int,
    each: Callable[[list[str | None]], None],
    patience: float,
    pause: float = 1.0,
) -> bool:
    """Feeds the escaped values of the first `expected` records to `each`, without labels, which is
    twice as fast. False when fewer came: the topic has markers or holes, read it with labels.
    `patience` bounds the silence before the first record, `pause` each one after it: who knows that
    there is nothing but records can wait longer than who has to find out.
    """
    if expected == 0:
        return True
    seen = 0
    heard = time.monotonic()
    with ConsoleConsumer(brokers, topic, labeled=False) as consumer:
        for lines in consumer.lines():
            if lines:
                heard = time.monotonic()
                lines = lines[: expected - seen]
                seen += len(lines)
                each([None if line == consumer.null else line for line in lines])
                if seen == expected:
                    return True
            # Before the first record it has a group to join.
            elif time.monotonic() - heard > (pause if seen else patience):
                break
    return False


def read_records(
    brokers: str,
    topic: str,
    each: Callable[[Record], None],
    patience: float,
    extents: dict[int, Extent] | None = None,
) -> int:
    """Feeds the committed records of a topic, each once and in order per partition. Returns how
    many. `patience` bounds each silence in which something is known to be still to come."""
    log = Log(brokers)
    extents = extents if extents is not None else log.extents(topic)
    position = {p: extent.start for p, extent in extents.items()}
    unfinished = {p for p, extent in extents.items() if extent.start < extent.end}
    count = 0
    if not unfinished:
        return count
    heard = time.monotonic()
    with ConsoleConsumer(brokers, topic) as consumer:
        for lines in consumer.lines():
            for line in lines:
                record = parse(line, consumer.null)
                p = record.partition
                # A rebalance of its group of one may make it print something twice.
                if p not in extents or not position[p] <= record.offset < extents[p].end:
                    continue
                position[p] = record.offset + 1
                if position[p] == extents[p].end:
                    unfinished.discard(p)
                count += 1
                each(record)
            if lines:
                heard = time.monotonic()
            else:
                unfinished = {p for p in unfinished if _more(log, topic, p, position, extents)}
            if not unfinished:
                return count
            if time.monotonic() - heard > patience:
                where = ", ".join(f"{p}@{position[p]}" for p in sorted(unfinished))
                raise ReadError(f"{topic}: nothing printed for {patience:g} s at {where}")
    raise AssertionError("unreachable: lines() does not end")


def _more(
    log: Log, topic: str, p: int, position: dict[int, int], extents: dict[int, Extent]
) -> bool:
    try:
        return log.next_record(topic, p, position[p], extents[p].end) is not None
    except NotNow:
        return True
