#!/usr/bin/env python3
"""Deletes topics and consumer groups without starting a JVM; see kafka_probe.py.

  delete-topics BROKERS TOPIC...   until no broker knows them any more
  delete-groups BROKERS GROUP...   with their committed offsets; one that has members is waited for

What does not exist is fine. Every wait has its deadline; exit code 1 when it has passed.
"""

import struct
import sys
import time

from kafka_probe import GROUP, METADATA, Broker, NotReady, Unanswered, first_answer, string, wait

DELETE_TOPICS, DELETE_GROUPS = 20, 42
UNKNOWN_TOPIC, NON_EMPTY_GROUP, GROUP_ID_NOT_FOUND = 3, 68, 69
SECONDS = 60


class NotEmpty(NotReady):
    """A group has members: some may have to be missed first."""


def known(broker, topics):
    """Those of the topics that this broker knows."""
    body = struct.pack(">i", len(topics)) + b"".join(map(string, topics))
    reader = broker.ask(METADATA, 1, body)

    def partition(r):
        r.take("h"), r.take("i"), r.take("i"), r.int32s(), r.int32s()

    def topic(r):
        error, name, _ = r.take("h"), r.string(), r.take("b")
        r.array(partition)
        return name if error != UNKNOWN_TOPIC else None

    reader.array(lambda r: (r.take("i"), r.string(), r.take("i"), r.string()))
    reader.take("i")
    return [name for name in reader.array(topic) if name is not None]


def require_gone(addresses, topics):
    for address in addresses:
        try:
            with Broker(address) as broker:
                left = known(broker, topics)
        except Unanswered:
            continue  # one that is down knows nothing
        if left:
            raise NotReady(f"{address} still knows {', '.join(left)}")


def delete_topics(addresses, topics):
    body = struct.pack(">i", len(topics)) + b"".join(map(string, topics))
    body += struct.pack(">i", 10_000)
    first_answer(addresses, lambda broker: broker.ask(DELETE_TOPICS, 1, body))


def delete_group(addresses, group):
    coordinator = first_answer(addresses, lambda broker: broker.find_coordinator(GROUP, group))
    with Broker(coordinator) as broker:
        reader = broker.ask(DELETE_GROUPS, 0, struct.pack(">i", 1) + string(group))
    reader.take("i")
    reader.take("i")
    reader.string()
    error = reader.take("h")
    if error == NON_EMPTY_GROUP:
        raise NotEmpty(f"group {group} has members")
    if error not in (0, GROUP_ID_NOT_FOUND):
        raise NotReady(f"group {group} cannot be deleted yet (error {error})")


def main(arguments):
    if len(arguments) < 3 or arguments[0] not in ("delete-topics", "delete-groups"):
        sys.exit(__doc__)
    command, brokers, *names = arguments
    addresses = brokers.split(",")
    if command == "delete-topics":
        wait(SECONDS, delete_topics, addresses, names)
        wait(SECONDS, require_gone, addresses, names)
    else:
        deadline = time.monotonic() + SECONDS
        for name in names:
            wait(max(0, deadline - time.monotonic()), delete_group, addresses, name)


if __name__ == "__main__":
    main(sys.argv[1:])
