"""What the chaos asks of the cluster beyond the harness: who leads what, and that somebody else
shall. Requests as docs of the Kafka protocol describe them, in versions that 4.x answers."""

from __future__ import annotations

import struct

from harness import cluster
from harness.waiting import wait_for

from kafka_probe import Broker, NotReady, Unanswered, first_answer, string

CREATE_PARTITIONS, ELECT_LEADERS, ALTER_REASSIGNMENTS = 37, 43, 45
ADDRESSES = [a.replace("localhost", "127.0.0.1") for a in cluster.BROKERS.split(",")]
TIMEOUT_MS = 10_000

Partition = tuple[int, int, list[int], list[int]]  # number, leader, replicas, isr


def partitions() -> dict[str, list[Partition]]:
    """Of all topics, by whoever answers first and knows of a cluster."""

    def ask() -> dict[str, list[Partition]] | None:
        for address in ADDRESSES:
            try:
                with Broker(address) as broker:
                    return broker.metadata()[1]
            except Unanswered:
                continue
        return None

    return wait_for(ask, 30, "a broker answers")


def led_by(node: int) -> int:
    return sum(leader == node for found in partitions().values() for _, leader, _, _ in found)


def leader(topic: str, number: int) -> int:
    return next((p[1] for p in partitions().get(topic, []) if p[0] == number), -1)


def quorum_leader() -> int:
    try:
        return first_answer(ADDRESSES, Broker.quorum)["leader"]
    except (Unanswered, NotReady):
        return -1


def move_leader(topic: str, number: int, to: int) -> None:
    """Makes `to`, one of the replicas, the preferred leader, and has it elected."""
    replicas = next(p[2] for p in partitions()[topic] if p[0] == number)
    order = [to, *(node for node in replicas if node != to)]
    name = topic.encode()
    body = struct.pack(">i", TIMEOUT_MS) + b"\x02" + bytes([len(name) + 1]) + name
    body += b"\x02" + struct.pack(">i", number) + bytes([len(order) + 1])
    body += struct.pack(f">{len(order)}i", *order) + b"\0\0\0"
    first_answer(ADDRESSES, lambda b: b.ask(ALTER_REASSIGNMENTS, 0, body, flexible=True))
    wait_for(
        lambda: [p[2] for p in partitions()[topic] if p[0] == number] == [order],
        20,
        f"{topic}-{number} prefers {to}",
    )
    elect = struct.pack(">i", 1) + string(topic) + struct.pack(">iii", 1, number, TIMEOUT_MS)

    def moved() -> bool:
        try:
            first_answer(ADDRESSES, lambda b: b.ask(ELECT_LEADERS, 0, elect))
        except (Unanswered, NotReady):
            return False
        return leader(topic, number) == to

    wait_for(moved, 30, f"{to} leads {topic}-{number}", poll=0.2)


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
