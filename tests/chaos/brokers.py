"""What the chaos asks of the cluster beyond the harness: who leads what, and that somebody else
shall. Requests as docs of the Kafka protocol describe them, in versions that 4.x answers."""

from __future__ import annotations

import struct

from harness import cluster
from harness.records import skip_to_partition
from harness.waiting import wait_for

from kafka_probe import Broker, NotReady, Unanswered, first_answer, string

FETCH, CREATE_PARTITIONS, ELECT_LEADERS, ALTER_CONFIGS, ALTER_REASSIGNMENTS = 1, 37, 43, 44, 45
PREFERRED, UNCLEAN = 0, 1
TOPIC, SET = 2, 0  # a kind of resource, and what is done to a key of its configuration
ADDRESSES = [a.replace("localhost", "127.0.0.1") for a in cluster.BROKERS.split(",")]
TIMEOUT_MS = 10_000

Partition = tuple[int, int, list[int], list[int]]  # number, leader, replicas, isr


def partitions(addresses: list[str] = ADDRESSES) -> dict[str, list[Partition]]:
    """Of all topics, by whoever answers first and knows of a cluster."""

    def ask() -> dict[str, list[Partition]] | None:
        for address in addresses:
            try:
                with Broker(address) as broker:
                    return broker.metadata()[1]
            except Unanswered:
                continue
        return None

    return wait_for(ask, 30, "a broker answers")


def led_by(node: int, addresses: list[str] = ADDRESSES) -> int:
    found = partitions(addresses).values()
    return sum(leader == node for each in found for _, leader, _, _ in each)


def leader(topic: str, number: int) -> int:
    return next((p[1] for p in partitions().get(topic, []) if p[0] == number), -1)


def quorum_leader() -> int:
    try:
        return first_answer(ADDRESSES, Broker.quorum)["leader"]
    except (Unanswered, NotReady):
        return -1


def reassign(topic: str, number: int, order: list[int]) -> None:
    """Gives a partition these replicas, the preferred leader first."""
    name = topic.encode()
    body = struct.pack(">i", TIMEOUT_MS) + b"\x02" + bytes([len(name) + 1]) + name
    body += b"\x02" + struct.pack(">i", number) + bytes([len(order) + 1])
    body += struct.pack(f">{len(order)}i", *order) + b"\0\0\0"
    first_answer(ADDRESSES, lambda b: b.ask(ALTER_REASSIGNMENTS, 0, body, flexible=True))
    wait_for(
        lambda: [p[2] for p in partitions()[topic] if p[0] == number] == [order],
        20,
        f"{topic}-{number} has replicas {order}",
    )


def elect(topic: str, number: int, node: int, kind: int = PREFERRED) -> None:
    """Until `node` leads."""
    body = struct.pack(">b", kind) + struct.pack(">i", 1) + string(topic)
    body += struct.pack(">iii", 1, number, TIMEOUT_MS)

    def elected() -> bool:
        try:
            first_answer(ADDRESSES, lambda b: b.ask(ELECT_LEADERS, 1, body))
        except (Unanswered, NotReady):
            return False
        return leader(topic, number) == node

    wait_for(elected, 30, f"{node} leads {topic}-{number}", poll=0.2)


def move_leader(topic: str, number: int, to: int) -> None:
    """Makes `to`, one of the replicas, the preferred leader, and has it elected."""
    replicas = next(p[2] for p in partitions()[topic] if p[0] == number)
    reassign(topic, number, [to, *(node for node in replicas if node != to)])
    elect(topic, number, to)


def configure(topic: str, **values: str) -> None:
    """Keys of the topic's configuration, with _ in the place of each dot."""
    body = struct.pack(">ib", 1, TOPIC) + string(topic) + struct.pack(">i", len(values))
    for key, value in values.items():
        body += string(key.replace("_", ".")) + struct.pack(">b", SET) + string(value)
    reader = first_answer(ADDRESSES, lambda b: b.ask(ALTER_CONFIGS, 0, body + b"\0"))
    reader.take("i")
    ((error, message),) = reader.array(lambda r: (r.take("h"), r.string()))
    assert error == 0, f"{topic}: error {error}, {message}"


def batch_at(topic: str, number: int, offset: int) -> tuple[int, int] | None:
    """First offset and checksum of the batch that has this offset, whatever its transaction came
    to; None when the log ends before it, or its leader does not answer."""
    body = struct.pack(">iiiib", -1, 100, 1, 1 << 20, 0) + struct.pack(">i", 1) + string(topic)
    body += struct.pack(">iiqi", 1, number, offset, 1 << 20)
    try:
        with Broker(cluster.LOG.leaders(topic)[number]) as broker:
            reader = broker.ask(FETCH, 4, body)
    except (Unanswered, cluster.NotNow):
        return None
    skip_to_partition(reader)
    if reader.take("h") != 0:
        return None
    reader.take("q")
    reader.take("q")
    reader.array(lambda r: (r.take("q"), r.take("q")))
    size = reader.take("i")
    if size < 61:
        return None
    base, _, _, _, checksum = struct.unpack_from(">qiibI", reader.data, reader.position)
    return base, checksum


def compacted(topic: str) -> dict[int, int]:
    """Partition -> offset up to which its leader's cleaner has been through the log."""
    cleaned: dict[int, dict[int, int]] = {}
    for node in (1, 2, 3):
        file = cluster.directory() / f"broker-{node}" / "data" / "cleaner-offset-checkpoint"
        lines = file.read_text().splitlines()[2:] if file.exists() else []
        fields = [line.split() for line in lines]
        cleaned[node] = {int(f[1]): int(f[2]) for f in fields if len(f) == 3 and f[0] == topic}
    found = partitions().get(topic, [])
    return {p: cleaned[at].get(p, 0) for p, at, _, _ in found if at in cleaned}


def add_partitions(topic: str, count: int) -> None:
    """Up to `count` partitions."""
    body = struct.pack(">i", 1) + string(topic) + struct.pack(">ii", count, -1)
    body += struct.pack(">ib", TIMEOUT_MS, 0)

    def grown() -> bool:
        try:
            first_answer(ADDRESSES, lambda b: b.ask(CREATE_PARTITIONS, 0, body))
        except (Unanswered, NotReady):
            return False
        return len(partitions().get(topic, [])) == count

    wait_for(grown, 30, f"{topic} has {count} partitions", poll=0.2)
