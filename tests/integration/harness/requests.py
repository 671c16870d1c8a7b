"""The requests of librdkafka's transactional producer and consumer, one at a time and by hand: what
a test needs that has to see each answer.

In the versions that librdkafka 2.14 sends. That matters: brokers give one and the same thing other
names in later ones, and from EndTxn 5 on they handle transactions in another way (KIP-890, part 2).
"""

from __future__ import annotations

import struct
from dataclasses import dataclass, field

from . import cluster, records
from .cluster import BROKERS, NotNow, NotReady
from .records import InTransaction, Wanted
from .waiting import wait_for

from kafka_probe import GROUP, TRANSACTION, Broker, Reader, compact, first_answer, string, uvarint

PRODUCE, FETCH, LIST_OFFSETS, OFFSET_FETCH = 0, 1, 2, 9
JOIN_GROUP, HEARTBEAT, LEAVE_GROUP, SYNC_GROUP, DESCRIBE_GROUPS = 11, 12, 13, 14, 15
CREATE_TOPICS, DELETE_RECORDS, INIT_PRODUCER_ID, CREATE_PARTITIONS = 19, 21, 22, 37
ADD_PARTITIONS, ADD_OFFSETS, END_TXN, TXN_OFFSET_COMMIT, DESCRIBE_TRANSACTIONS = 24, 25, 26, 28, 65

NAMES = {
    0: "NO_ERROR", 1: "OFFSET_OUT_OF_RANGE", 3: "UNKNOWN_TOPIC_OR_PARTITION",
    5: "LEADER_NOT_AVAILABLE", 6: "NOT_LEADER_OR_FOLLOWER", 7: "REQUEST_TIMED_OUT",
    14: "COORDINATOR_LOAD_IN_PROGRESS", 15: "COORDINATOR_NOT_AVAILABLE", 16: "NOT_COORDINATOR",
    19: "NOT_ENOUGH_REPLICAS", 20: "NOT_ENOUGH_REPLICAS_AFTER_APPEND", 22: "ILLEGAL_GENERATION",
    25: "UNKNOWN_MEMBER_ID", 27: "REBALANCE_IN_PROGRESS", 45: "OUT_OF_ORDER_SEQUENCE_NUMBER",
    46: "DUPLICATE_SEQUENCE_NUMBER", 47: "INVALID_PRODUCER_EPOCH", 48: "INVALID_TXN_STATE",
    49: "INVALID_PRODUCER_ID_MAPPING", 51: "CONCURRENT_TRANSACTIONS", 59: "UNKNOWN_PRODUCER_ID",
    79: "MEMBER_ID_REQUIRED", 82: "FENCED_INSTANCE_ID", 88: "UNSTABLE_OFFSET_COMMIT",
    90: "PRODUCER_FENCED", 120: "TRANSACTION_ABORTABLE",
}  # fmt: skip
NO_ERROR = NAMES[0]
# What a client waits out: somebody has moved, or does not exist yet, or has markers to write.
WAITED_OUT = {NAMES[code] for code in (3, 5, 6, 7, 14, 15, 16, 19, 51)}
MEMBER_ID_REQUIRED = NAMES[79]

READ_UNCOMMITTED, READ_COMMITTED = 0, 1
EARLIEST, LATEST = -2, -1
MAX_BYTES = 8 << 20
ANSWER_SECONDS = 30.0  # a JoinGroup is answered when the others have joined


def name_of(code: int) -> str:
    return NAMES.get(code, f"error {code}")


def _nullable(text: str | None) -> bytes:
    return struct.pack(">h", -1) if text is None else string(text)


def _compact(text: str | None) -> bytes:
    return compact(None if text is None else text.encode())


def _one(element: bytes) -> bytes:
    """An array of one."""
    return struct.pack(">i", 1) + element


def _compact_one(element: bytes) -> bytes:
    return uvarint(2) + element


@dataclass(frozen=True)
class Producer:
    """A producer session, as InitProducerId gives it."""

    transactional_id: str
    id: int
    epoch: int

    def fields(self) -> bytes:
        return struct.pack(">qh", self.id, self.epoch)


@dataclass
class Member:
    instance: str | None = None
    id: str = ""
    generation: int = -1

    def fields(self, group: str) -> bytes:
        return (string(group) + struct.pack(">i", self.generation) + string(self.id)
                + _nullable(self.instance))  # fmt: skip


@dataclass(frozen=True)
class Joined:
    error: str
    leader: str = ""
    members: list[str] = field(default_factory=list)


def create_topic(topic: str, partitions: int) -> None:
    """Waits until all brokers know it."""
    body = _one(string(topic) + struct.pack(">ihii", partitions, 3, 0, 0))
    body += struct.pack(">i?", 10_000, False)
    reader = first_answer(BROKERS.split(","), lambda broker: broker.ask(CREATE_TOPICS, 2, body))
    reader.take("i")
    ((_, error, message),) = reader.array(lambda r: (r.string(), r.take("h"), r.string()))
    assert error == 0, f"{topic}: error {error}, {message}"
    cluster.wait_until_known([topic])


def add_partitions(topic: str, count: int) -> None:
    """So that it has `count`."""
    body = _one(string(topic) + struct.pack(">ii", count, -1)) + struct.pack(">i?", 10_000, False)
    addresses = BROKERS.split(",")
    reader = first_answer(addresses, lambda broker: broker.ask(CREATE_PARTITIONS, 0, body))
    reader.take("i")
    ((_, error, message),) = reader.array(lambda r: (r.string(), r.take("h"), r.string()))
    assert error == 0, f"{topic}: error {error}, {message}"


class Client:
    """Asks about one partition, one group and any number of transactional ids. For one thread, but
    for `join`."""

    def __init__(self, topic: str, partition: int, group: str) -> None:
        self.topic = topic
        self.partition = partition
        self.group = group
        self._connections: dict[str, Broker] = {}

    def close(self) -> None:
        for connection in self._connections.values():
            connection.socket.close()

    def _ask(
        self, address: str, api: int, version: int, body: bytes, flexible: bool = False
    ) -> Reader:
        if address not in self._connections:
            self._connections[address] = Broker(address, timeout=ANSWER_SECONDS)
        return self._connections[address].ask(api, version, body, flexible)

    def _coordinator(self, kind: int, key: str) -> str:
        def ask() -> str | None:
            try:
                found = first_answer(BROKERS.split(","), lambda b: b.find_coordinator(kind, key))
            except NotReady:
                return None
            assert isinstance(found, str)
            return found

        return wait_for(ask, 30, f"{key} has a coordinator")

    def _of_transaction(self, producer: Producer, api: int, version: int, body: bytes) -> Reader:
        """At the coordinator of the transactional id, with what all of these begin with."""
        name = producer.transactional_id
        body = string(name) + producer.fields() + body
        return self._ask(self._coordinator(TRANSACTION, name), api, version, body)

    def _of_group(self, api: int, version: int, body: bytes, flexible: bool = False) -> Reader:
        return self._ask(self._coordinator(GROUP, self.group), api, version, body, flexible)

    def _of_partition(self, api: int, version: int, body: bytes, flexible: bool = False) -> Reader:
        def leader() -> str | None:
            try:
                return cluster.LOG.leaders(self.topic)[self.partition]
            except NotNow:
                return None

        address = wait_for(leader, 30, f"{self.topic}-{self.partition} has a leader")
        return self._ask(address, api, version, body, flexible)

    # ---- transactions

    def init(self, name: str, timeout_ms: int) -> tuple[str, Producer]:
        body = _compact(name) + struct.pack(">iqh", timeout_ms, -1, -1) + b"\0"
        address = self._coordinator(TRANSACTION, name)
        reader = self._ask(address, INIT_PRODUCER_ID, 4, body, flexible=True)
        reader.take("i")
        error = reader.take("h")
        return name_of(error), Producer(name, reader.take("q"), reader.take("h"))

    def add_partition(self, producer: Producer) -> str:
        body = _one(string(self.topic) + _one(struct.pack(">i", self.partition)))
        reader = self._of_transaction(producer, ADD_PARTITIONS, 0, body)
        reader.take("i")

        def partition(r: Reader) -> int:
            r.take("i")
            return r.take("h")

        ((_, (error,)),) = reader.array(lambda r: (r.string(), r.array(partition)))
        return name_of(error)

    def add_offsets(self, producer: Producer) -> str:
        reader = self._of_transaction(producer, ADD_OFFSETS, 0, string(self.group))
        reader.take("i")
        return name_of(reader.take("h"))

    def end(self, producer: Producer, commit: bool) -> str:
        reader = self._of_transaction(producer, END_TXN, 1, struct.pack(">?", commit))
        reader.take("i")
        return name_of(reader.take("h"))

    def transaction_state(self, name: str) -> str:
        body = _compact_one(_compact(name)) + b"\0"
        address = self._coordinator(TRANSACTION, name)
        reader = self._ask(address, DESCRIBE_TRANSACTIONS, 0, body, flexible=True)
        reader.take("i")
        reader.uvarint()
        error = reader.take("h")
        reader.compact_string()
        return reader.compact_string() if error == 0 else name_of(error)

    # ---- the log

    def produce(self, producer: Producer | None, sequence: int) -> str:
        """One record; without a producer outside any transaction."""
        part = producer and InTransaction(producer.id, producer.epoch, sequence)
        data = records.batch([Wanted(b"v", b"k")], part)
        body = _compact(producer.transactional_id if producer else None)
        body += struct.pack(">hi", -1, 10_000)
        partition = struct.pack(">i", self.partition) + compact(data) + b"\0"
        body += _compact_one(_compact(self.topic) + _compact_one(partition) + b"\0") + b"\0"
        reader = self._of_partition(PRODUCE, 10, body, flexible=True)
        reader.uvarint()
        reader.compact_string()
        reader.uvarint()
        reader.take("i")
        return name_of(reader.take("h"))

    def list_offset(self, timestamp: int, isolation: int) -> tuple[str, int]:
        body = struct.pack(">ib", -1, isolation)
        body += _one(string(self.topic) + _one(struct.pack(">iq", self.partition, timestamp)))
        reader = self._of_partition(LIST_OFFSETS, 2, body)
        records.skip_to_partition(reader)
        error = reader.take("h")
        reader.take("q")
        return name_of(error), reader.take("q")

    def delete_records(self, before: int) -> str:
        body = _one(string(self.topic) + _one(struct.pack(">iq", self.partition, before)))
        reader = self._of_partition(DELETE_RECORDS, 1, body + struct.pack(">i", 10_000))
        records.skip_to_partition(reader)
        reader.take("q")
        return name_of(reader.take("h"))

    def fetch(self, position: int) -> tuple[str, int, int]:
        """read_committed: the error, how many records there are, and the position behind them."""
        body = struct.pack(">iiiib", -1, 0, 0, MAX_BYTES, READ_COMMITTED)
        body += _one(
            string(self.topic) + _one(struct.pack(">iqi", self.partition, position, MAX_BYTES))
        )
        reader = self._of_partition(FETCH, 4, body)
        records.skip_to_partition(reader)
        error = reader.take("h")
        reader.take("q")
        reader.take("q")
        aborted = sorted(reader.array(lambda r: tuple(reversed((r.take("q"), r.take("q"))))))
        size = max(0, reader.take("i"))
        data = reader.data[reader.position : reader.position + size]
        count = 0
        left_out: set[int] = set()
        for batch in records.batches(data):
            while aborted and aborted[0][0] <= batch.last:
                left_out.add(aborted.pop(0)[1])
            if batch.attributes & records.CONTROL:
                left_out.discard(batch.producer)
            elif not batch.attributes & records.TRANSACTIONAL or batch.producer not in left_out:
                count += batch.count
            position = batch.last + 1
        return name_of(error), count, position

    # ---- the group

    def commit_offset(self, producer: Producer, member: Member, offset: int) -> str:
        body = _compact(producer.transactional_id) + _compact(self.group) + producer.fields()
        body += struct.pack(">i", member.generation) + _compact(member.id)
        body += _compact(member.instance)
        partition = struct.pack(">iqi", self.partition, offset, -1) + _compact("") + b"\0"
        body += _compact_one(_compact(self.topic) + _compact_one(partition) + b"\0") + b"\0"
        reader = self._of_group(TXN_OFFSET_COMMIT, 3, body, flexible=True)
        reader.take("i")
        reader.uvarint()
        reader.compact_string()
        reader.uvarint()
        reader.take("i")
        return name_of(reader.take("h"))

    def committed(self) -> tuple[str, int]:
        """With require_stable; the offset is -1 when there is none."""
        topic = _compact(self.topic) + _compact_one(struct.pack(">i", self.partition)) + b"\0"
        group = _compact(self.group) + _compact(None) + struct.pack(">i", -1)
        body = _compact_one(group + _compact_one(topic) + b"\0") + struct.pack(">?", True) + b"\0"
        reader = self._of_group(OFFSET_FETCH, 9, body, flexible=True)
        reader.take("i")

        def partition(r: Reader) -> tuple[int, int]:
            r.take("i")
            offset = r.take("q")
            r.take("i")
            r.compact_string()
            error = r.take("h")
            r.tags()
            return error, offset

        def one_topic(r: Reader) -> tuple[int, int]:
            r.compact_string()
            (found,) = r.compact_array(partition)
            r.tags()
            return found

        def one_group(r: Reader) -> tuple[int, int]:
            r.compact_string()
            found = r.compact_array(one_topic)
            error = r.take("h")
            r.tags()
            return (error, -1) if error else found[0]

        ((error, offset),) = reader.compact_array(one_group)
        return name_of(error), offset

    def join(self, member: Member, session_ms: int) -> Joined:
        """Waits until the generation is there; `sync` completes it. On a connection of its own, so
        that another thread may wait for it."""
        with Broker(self._coordinator(GROUP, self.group), timeout=ANSWER_SECONDS) as broker:
            joined = self._join(broker, member, session_ms)
            if joined.error == MEMBER_ID_REQUIRED:
                joined = self._join(broker, member, session_ms)
        return joined

    def _join(self, broker: Broker, member: Member, session_ms: int) -> Joined:
        subscription = struct.pack(">h", 0) + _one(string(self.topic)) + struct.pack(">i", -1)
        protocol = string("range") + struct.pack(">i", len(subscription)) + subscription
        body = string(self.group) + struct.pack(">ii", session_ms, 20_000) + string(member.id)
        body += _nullable(member.instance) + string("consumer") + _one(protocol)
        reader = broker.ask(JOIN_GROUP, 5, body)
        reader.take("i")
        error, generation = reader.take("h"), reader.take("i")
        reader.string()
        leader, member.id = reader.string(), reader.string() or member.id
        if error != 0:
            return Joined(name_of(error))
        member.generation = generation

        def one(r: Reader) -> str:
            name = r.string()
            r.string()
            size = r.take("i")
            r.position += max(0, size)
            return name

        return Joined(NO_ERROR, leader, reader.array(one))

    def sync(self, member: Member, joined: Joined) -> str:
        """What is assigned matters to nobody here."""
        nothing = struct.pack(">hii", 0, 0, -1)
        given = joined.members if joined.leader == member.id else []
        body = member.fields(self.group) + struct.pack(">i", len(given))
        for name in given:
            body += string(name) + struct.pack(">i", len(nothing)) + nothing
        reader = self._of_group(SYNC_GROUP, 3, body)
        reader.take("i")
        return name_of(reader.take("h"))

    def heartbeat(self, member: Member) -> str:
        reader = self._of_group(HEARTBEAT, 3, member.fields(self.group))
        reader.take("i")
        return name_of(reader.take("h"))

    def leave(self, member: Member) -> str:
        reader = self._of_group(LEAVE_GROUP, 1, string(self.group) + string(member.id))
        reader.take("i")
        return name_of(reader.take("h"))

    def group_state(self) -> str:
        reader = self._of_group(DESCRIBE_GROUPS, 0, _one(string(self.group)))
        reader.take("i")
        error = reader.take("h")
        reader.string()
        return reader.string() if error == 0 else name_of(error)
