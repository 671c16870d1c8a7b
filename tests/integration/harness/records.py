"""Writes records of any bytes: what no console producer can.

A record batch as docs of the Kafka protocol describe it (magic 2, no compression), with the CRC-32C
that Python's library lacks. Slow and small; for bulk there is `kstream produce`.
"""

from __future__ import annotations

import struct
import time
from collections.abc import Iterator
from dataclasses import dataclass

from . import cluster
from .cluster import MOVED, NoSuchTopic, NotNow
from .waiting import wait_for

from kafka_probe import Broker, Reader, string, uvarint

PRODUCE = 0
NOT_ENOUGH_REPLICAS = 19  # before anything was written
# Attributes of a batch.
TRANSACTIONAL, CONTROL = 0x10, 0x20
# Key of the control record that ends a transaction: version 0, type 1.
COMMITTED = struct.pack(">hh", 0, 1)


@dataclass(frozen=True)
class Wanted:
    """A record to write, or one that was read."""

    value: bytes | None
    key: bytes | None = None
    timestamp: int | None = None  # None: now
    headers: tuple[tuple[bytes, bytes], ...] = ()


def _crc_table() -> list[int]:
    table = []
    for n in range(256):
        for _ in range(8):
            n = (n >> 1) ^ (0x82F63B78 if n & 1 else 0)
        table.append(n)
    return table


_TABLE = _crc_table()


def crc32c(data: bytes) -> int:
    crc = 0xFFFFFFFF
    for byte in data:
        crc = (crc >> 8) ^ _TABLE[(crc ^ byte) & 0xFF]
    return crc ^ 0xFFFFFFFF


def _varint(value: int) -> bytes:
    return uvarint((value << 1) ^ (value >> 63))  # zigzag


def _sized(data: bytes | None) -> bytes:
    return _varint(-1) if data is None else _varint(len(data)) + data


@dataclass(frozen=True)
class InTransaction:
    """Whose transaction a batch is part of, and which of its batches it is."""

    producer: int
    epoch: int
    sequence: int


def batch(records: list[Wanted], part: InTransaction | None = None) -> bytes:
    now = int(time.time() * 1000)
    times = [now if r.timestamp is None else r.timestamp for r in records]
    body = bytearray()
    for n, (record, at) in enumerate(zip(records, times)):
        one = b"\0" + _varint(at - times[0]) + _varint(n)
        one += _sized(record.key) + _sized(record.value) + _varint(len(record.headers))
        for name, value in record.headers:
            one += _sized(name) + _sized(value)
        body += _varint(len(one)) + one
    attributes, whose = 0, (-1, -1, -1)
    if part is not None:
        attributes, whose = TRANSACTIONAL, (part.producer, part.epoch, part.sequence)
    head = struct.pack(">hiqqqhii", attributes, len(records) - 1, times[0], max(times), *whose,
                       len(records))  # fmt: skip
    checked = head + bytes(body)
    rest = struct.pack(">ibI", -1, 2, crc32c(checked)) + checked
    return struct.pack(">qi", 0, len(rest)) + rest


def write(topic: str, partition: int, records: list[Wanted]) -> int:
    """Appends the records as one batch, acks=all; returns the first one's offset."""
    data = batch(records)
    body = struct.pack(">hhii", -1, -1, 10_000, 1) + string(topic)
    body += struct.pack(">iii", 1, partition, len(data)) + data

    def ask() -> tuple[int] | None:
        try:
            with Broker(cluster.LOG.leaders(topic)[partition], timeout=15) as broker:
                reader = broker.ask(PRODUCE, 3, body)
        except (NotNow, NoSuchTopic):
            return None
        reader.take("i")
        reader.string()
        reader.take("i")
        reader.take("i")
        error, base = reader.take("h"), reader.take("q")
        # A refused batch was not written: asking again makes no duplicate.
        refused = error in MOVED or error == NOT_ENOUGH_REPLICAS
        assert error == 0 or refused, f"produce to {topic}-{partition}: error {error}"
        return None if error else (base,)

    return wait_for(ask, 30, f"{topic}-{partition} takes records")[0]


FETCH = 1


def skip_to_partition(reader: Reader) -> None:
    """Of an answer about one partition: throttle time, topics, name, partitions, number."""
    reader.take("i")
    reader.take("i")
    reader.string()
    reader.take("i")
    reader.take("i")


def read_uncommitted(topic: str, partition: int) -> list[tuple[int, Wanted]]:
    """All records of a partition with their offsets, whatever their transactions came to; no
    control records. For small logs that are written without compression, as kstream's own are."""
    found: list[tuple[int, Wanted]] = []
    for each in _fetched(topic, partition):
        if not each.attributes & CONTROL:
            _records(each.records, each.base, each.count, found)
    return found


def read_committed(topic: str, partition: int) -> list[Wanted]:
    """What a reader with isolation.level=read_committed is given, in order, once all transactions
    have ended: that of a killed process does some time after it. For logs as above."""

    def ended() -> tuple[list[Wanted]] | None:
        found: list[tuple[int, Wanted]] = []
        of_producers: dict[int, list[tuple[int, Wanted]]] = {}
        for each in _fetched(topic, partition):
            assert each.attributes & TRANSACTIONAL, "not of a transaction"
            records = of_producers.setdefault(each.producer, [])
            if not each.attributes & CONTROL:
                _records(each.records, each.base, each.count, records)
                continue
            marker: list[tuple[int, Wanted]] = []
            _records(each.records, each.base, each.count, marker)
            if marker[0][1].key == COMMITTED:
                found += records
            records.clear()
        if any(of_producers.values()):
            return None
        return ([record for _, record in sorted(found, key=lambda one: one[0])],)

    return wait_for(ended, 90, f"the transactions of {topic}-{partition} have ended")[0]


def read_newest(topic: str, partition: int, count: int) -> list[Wanted]:
    """The last records of a partition, about so many: it begins where a batch does."""
    extent = cluster.extents(topic)[partition]
    found: list[tuple[int, Wanted]] = []
    for each in _fetched(topic, partition, max(extent.start, extent.end - count)):
        _records(each.records, each.base, each.count, found)
    return [record for _, record in found]


def _fetched(topic: str, partition: int, since: int = 0) -> Iterator[Batch]:
    extent = cluster.extents(topic)[partition]
    position = max(extent.start, since)
    while position < extent.end:
        body = struct.pack(">iiiib", -1, 500, 1, 8 << 20, 0) + struct.pack(">i", 1) + string(topic)
        body += struct.pack(">iiqi", 1, partition, position, 8 << 20)
        with Broker(cluster.LOG.leaders(topic)[partition], timeout=15) as broker:
            reader = broker.ask(FETCH, 4, body)
        skip_to_partition(reader)
        error = reader.take("h")
        assert error == 0, f"fetch of {topic}-{partition} at {position}: error {error}"
        reader.take("q")
        reader.take("q")
        for _ in range(max(0, reader.take("i"))):
            reader.take("q")
            reader.take("q")
        size = reader.take("i")
        data = reader.data[reader.position : reader.position + size]
        for each in batches(data):
            assert each.attributes & 7 == 0, "a compressed batch"
            position = max(position, each.last + 1)
            yield each


@dataclass(frozen=True)
class Batch:
    base: int
    last: int  # its last offset
    attributes: int
    producer: int
    count: int
    records: bytes


def batches(data: bytes) -> Iterator[Batch]:
    """The whole batches of what a fetch has brought."""
    at = 0
    while at + 61 <= len(data):
        base, length = struct.unpack_from(">qi", data, at)
        if at + 12 + length > len(data):
            break
        attributes, last = struct.unpack_from(">hi", data, at + 21)
        (producer,) = struct.unpack_from(">q", data, at + 43)
        (count,) = struct.unpack_from(">i", data, at + 57)
        body = data[at + 61 : at + 12 + length]
        yield Batch(base, base + last, attributes, producer, count, body)
        at += 12 + length


def _records(data: bytes, base: int, count: int, into: list[tuple[int, Wanted]]) -> None:
    at = 0

    def varint() -> int:
        nonlocal at
        value = shift = 0
        while True:
            byte = data[at]
            at += 1
            value |= (byte & 0x7F) << shift
            shift += 7
            if byte < 0x80:
                return (value >> 1) ^ -(value & 1)

    def sized() -> bytes | None:
        nonlocal at
        size = varint()
        if size < 0:
            return None
        at += size
        return data[at - size : at]

    for _ in range(count):
        varint()
        at += 1
        varint()
        offset = base + varint()
        key, value = sized(), sized()
        headers = tuple((sized() or b"", sized() or b"") for _ in range(varint()))
        into.append((offset, Wanted(value, key, headers=headers)))
