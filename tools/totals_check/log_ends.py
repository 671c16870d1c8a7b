"""Where topics begin and end, asked from the brokers directly.

The console consumer prints records and nothing else: neither how far it has read nor whether more
is to come. These few requests tell when all has been printed, so that nobody has to guess a
time-out.
"""

from __future__ import annotations

import struct
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "scripts" / "lib"))
from kafka_probe import Broker, Reader, Unanswered, string  # noqa: E402

FETCH, LIST_OFFSETS, METADATA = 1, 2, 3
READ_COMMITTED = 1
EARLIEST, LATEST = -2, -1
# Errors that mean: ask again, the leader has moved or does not exist yet.
MOVED = {3, 5, 6, 9, 74, 75, 76, 77, 78, 100}
CONTROL_BATCH = 1 << 5
TRANSACTIONAL_BATCH = 1 << 4


class NoSuchTopic(Exception):
    """The topic does not exist."""


class NotNow(Exception):
    """No answer now, perhaps a moment later: a broker is away or a leader moves."""


@dataclass(frozen=True)
class Extent:
    """Half-open range of offsets that a read_committed reader may see."""

    start: int
    end: int
    pending: int  # records above `end`, in transactions that are still open


class Log:
    """One-shot questions; a connection for each, so that no broker's death leaves a stale one."""

    def __init__(self, brokers: str) -> None:
        self.brokers = brokers.split(",")

    def _first_answer(self, question: Callable[[Broker], object]) -> object:
        problem: Exception | None = None
        for address in self.brokers:
            try:
                with Broker(address) as broker:
                    return question(broker)
            except Unanswered as error:
                problem = error
        raise NotNow(str(problem))

    def leaders(self, topic: str) -> dict[int, str]:
        def ask(broker: Broker) -> dict[int, str]:
            reader = broker.ask(METADATA, 1, struct.pack(">i", 1) + string(topic))

            def one_broker(r: Reader) -> tuple[int, str]:
                node, host, port, _rack = r.take("i"), r.string(), r.take("i"), r.string()
                return node, f"{host}:{port}"

            def one_partition(r: Reader) -> tuple[int, int, int]:
                error, number, leader = r.take("h"), r.take("i"), r.take("i")
                r.int32s()
                r.int32s()
                return error, number, leader

            addresses = dict(reader.array(one_broker))
            reader.take("i")
            found = {}
            for _ in range(reader.take("i")):
                error = reader.take("h")
                reader.string()
                reader.take("b")
                if error == 3:
                    raise NoSuchTopic(topic)
                if error != 0:
                    raise NotNow(f"{topic}: error {error}")
                for error, number, leader in reader.array(one_partition):
                    if leader not in addresses:
                        raise NotNow(f"{topic}-{number} has no leader")
                    found[number] = addresses[leader]
            return found

        return self._first_answer(ask)  # type: ignore[return-value]

    def extents(self, topic: str) -> dict[int, Extent]:
        leaders = self.leaders(topic)
        found: dict[int, Extent] = {}
        for address in sorted(set(leaders.values())):
            partitions = sorted(p for p, at in leaders.items() if at == address)
            try:
                with Broker(address) as broker:
                    starts = _list_offsets(broker, topic, partitions, EARLIEST, READ_COMMITTED)
                    ends = _list_offsets(broker, topic, partitions, LATEST, READ_COMMITTED)
                    highs = _list_offsets(broker, topic, partitions, LATEST, 0)
            except Unanswered as error:
                raise NotNow(str(error)) from error
            for p in partitions:
                found[p] = Extent(starts[p], ends[p], max(0, highs[p] - ends[p]))
        return found

    def next_record(self, topic: str, partition: int, offset: int, end: int) -> int | None:
        """The offset of the first batch at or after `offset` and before `end` that a
        read_committed reader is given; None when there are only markers, aborted records and holes.
        """
        address = self.leaders(topic)[partition]
        while offset < end:
            try:
                with Broker(address) as broker:
                    offset, found = _scan(broker, topic, partition, offset, end)
            except Unanswered as error:
                raise NotNow(str(error)) from error
            if found is not None:
                return found
        return None


def _list_offsets(
    broker: Broker, topic: str, partitions: list[int], timestamp: int, isolation: int
) -> dict[int, int]:
    body = struct.pack(">ibi", -1, isolation, 1) + string(topic)
    body += struct.pack(">i", len(partitions))
    body += b"".join(struct.pack(">iq", p, timestamp) for p in partitions)
    reader = broker.ask(LIST_OFFSETS, 2, body)
    reader.take("i")
    found = {}
    for _ in range(reader.take("i")):
        reader.string()
        for _ in range(reader.take("i")):
            number, error = reader.take("i"), reader.take("h")
            reader.take("q")
            found[number] = reader.take("q")
            if error in MOVED:
                raise NotNow(f"{topic}-{number}: error {error}")
            if error != 0:
                raise OSError(f"{topic}-{number}: ListOffsets says error {error}")
    return found


def _scan(
    broker: Broker, topic: str, partition: int, offset: int, end: int
) -> tuple[int, int | None]:
    """Looks at the headers of one response's batches: (where to go on, offset of a visible one)."""
    body = struct.pack(">iiiibi", -1, 100, 1, 1 << 20, READ_COMMITTED, 1) + string(topic)
    body += struct.pack(">iiqi", 1, partition, offset, 1 << 20)
    reader = broker.ask(FETCH, 4, body)
    reader.take("i")
    reader.take("i")
    reader.string()
    reader.take("i")
    reader.take("i")
    error = reader.take("h")
    if error in MOVED:
        raise NotNow(f"{topic}-{partition}: error {error}")
    if error != 0:
        raise OSError(f"{topic}-{partition}: Fetch says error {error}")
    reader.take("q")
    reader.take("q")
    aborted = reader.array(lambda r: (r.take("q"), r.take("q")))  # (producer, first offset)
    size = reader.take("i")
    data = reader.data[reader.position : reader.position + size]
    at = 0
    while at + 61 <= len(data):
        base, length = struct.unpack_from(">qi", data, at)
        if at + 12 + length > len(data):
            break  # cut off by the limit of the response
        (attributes, last_delta) = struct.unpack_from(">hi", data, at + 21)
        (producer,) = struct.unpack_from(">q", data, at + 43)
        (count,) = struct.unpack_from(">i", data, at + 57)
        last = base + last_delta
        if base >= end:
            return end, None
        is_aborted = bool(attributes & TRANSACTIONAL_BATCH) and any(
            producer == who and base >= first for who, first in aborted
        )
        # An abort marker ends what its producer has aborted so far.
        if attributes & CONTROL_BATCH:
            aborted = [(who, first) for who, first in aborted if who != producer or first > last]
        elif count > 0 and last >= offset and not is_aborted:
            return last + 1, max(base, offset)
        offset = last + 1
        at += 12 + length
    if at == 0:
        raise NotNow(f"{topic}-{partition}: nothing at {offset} yet")
    return offset, None
