#!/usr/bin/env python3
"""Asks Kafka brokers how they are, without starting a JVM.

Speaks the few requests it needs in versions that every 4.x broker answers. Used by cluster.sh; the
standard library only.

  status BROKERS             one JSON object: brokers that answer, unfenced ids, partitions, quorum
  check BROKERS              exit 0 when the cluster is ready right now, see `wait-ready`
  wait-ready SECONDS BROKERS until all brokers are unfenced and know of each other, both coordinator
                             topics have their full ISR, and a transactional producer can be made
  wait-broker SECONDS ID HOST:PORT until broker ID answers there and knows itself to be unfenced
  wait-port SECONDS HOST:PORT      until something listens there
  wait-free SECONDS HOST:PORT      until something could; says who has the port when nothing can
  free-ports N               N ports of the loopback address that nobody uses
  new-id                     a random id in Kafka's own notation

BROKERS is HOST:PORT[,HOST:PORT...]. Every wait has its deadline; exit code 1 when it has passed.
"""

import base64
import glob
import json
import os
import socket
import struct
import sys
import time
import uuid

FIND_COORDINATOR, INIT_PRODUCER_ID, METADATA, DESCRIBE_QUORUM = 10, 22, 3, 55
GROUP, TRANSACTION = 0, 1
COORDINATOR_TOPICS = ("__consumer_offsets", "__transaction_state")
POLL_SECONDS = 0.1
TIME_WAIT = "06"  # in /proc/net/tcp


class Unanswered(Exception):
    """The broker does not answer, or hung up."""


class NotReady(Exception):
    """The cluster answers, but something is missing; the text says what."""


class Reader:
    def __init__(self, data):
        self.data = data
        self.position = 0

    def take(self, form):
        (value,) = struct.unpack_from(">" + form, self.data, self.position)
        self.position += struct.calcsize(">" + form)
        return value

    def string(self):
        size = self.take("h")
        if size < 0:
            return None
        value = self.data[self.position : self.position + size].decode()
        self.position += size
        return value

    def array(self, element):
        return [element(self) for _ in range(max(0, self.take("i")))]

    def int32s(self):
        return self.array(lambda r: r.take("i"))

    # The compact forms of "flexible" requests.
    def uvarint(self):
        value = shift = 0
        while True:
            byte = self.take("B")
            value |= (byte & 0x7F) << shift
            if byte < 0x80:
                return value
            shift += 7

    def compact_string(self):
        size = self.uvarint() - 1
        if size < 0:
            return None
        value = self.data[self.position : self.position + size].decode()
        self.position += size
        return value

    def tags(self):
        for _ in range(self.uvarint()):
            self.uvarint()
            self.position += self.uvarint()

    def compact_array(self, element):
        return [element(self) for _ in range(max(0, self.uvarint() - 1))]


def string(text):
    data = text.encode()
    return struct.pack(">h", len(data)) + data


# The compact forms of "flexible" requests.
def uvarint(value):
    out = bytearray()
    while value > 0x7F:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    out.append(value)
    return bytes(out)


def compact(data):
    """A string or bytes; None is null."""
    return b"\0" if data is None else uvarint(len(data) + 1) + data


class Broker:
    def __init__(self, address, timeout=5.0):
        host, port = address.rsplit(":", 1)
        try:
            self.socket = socket.create_connection((host, int(port)), timeout=timeout)
        except OSError as error:
            raise Unanswered(f"{address}: {error}") from error
        self.address = address

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.socket.close()

    def ask(self, key, version, body, flexible=False):
        header = struct.pack(">hhi", key, version, 1) + string("kstream-cluster-probe")
        if flexible:
            header += b"\0"
        message = header + body
        try:
            self.socket.sendall(struct.pack(">i", len(message)) + message)
            (size,) = struct.unpack(">i", self.receive(4))
            reader = Reader(self.receive(size))
        except OSError as error:
            raise Unanswered(f"{self.address}: {error}") from error
        reader.take("i")  # correlation id: one request at a time
        if flexible:
            reader.tags()
        return reader

    def receive(self, size):
        data = b""
        while len(data) < size:
            part = self.socket.recv(size - len(data))
            if not part:
                raise Unanswered(f"{self.address}: connection closed")
            data += part
        return data

    def metadata(self):
        """(ids of unfenced brokers, {topic: [(partition, leader, replicas, isr)]})"""
        reader = self.ask(METADATA, 1, struct.pack(">i", -1))

        def broker(r):
            identity, host, port, _rack = r.take("i"), r.string(), r.take("i"), r.string()
            return identity, f"{host}:{port}"

        def partition(r):
            r.take("h")
            return r.take("i"), r.take("i"), r.int32s(), r.int32s()

        def topic(r):
            r.take("h")
            name = r.string()
            r.take("b")
            return name, r.array(partition)

        brokers = dict(reader.array(broker))
        reader.take("i")
        return brokers, dict(reader.array(topic))

    def find_coordinator(self, kind, key):
        """Address of the coordinator. Asking makes its topic, if it does not exist yet."""
        reader = self.ask(FIND_COORDINATOR, 1, string(key) + struct.pack(">b", kind))
        reader.take("i")
        error = reader.take("h")
        reader.string()
        reader.take("i")
        host, port = reader.string(), reader.take("i")
        if error != 0:
            raise NotReady(f"no coordinator for {key} yet (error {error})")
        return f"{host}:{port}"

    def init_producer_id(self, transactional_id):
        body = string(transactional_id) + struct.pack(">i", 1000)
        reader = self.ask(INIT_PRODUCER_ID, 1, body)
        reader.take("i")
        error = reader.take("h")
        if error != 0:
            raise NotReady(f"no transactional producer yet (error {error})")

    def quorum(self):
        """{"leader": id, "voters": {id: how many records it is behind}}"""
        name = b"__cluster_metadata"
        body = b"\x02" + bytes([len(name) + 1]) + name + b"\x02" + struct.pack(">i", 0) + b"\0\0\0"
        reader = self.ask(DESCRIBE_QUORUM, 0, body, flexible=True)

        def replica(r):
            state = r.take("i"), r.take("q")
            r.tags()
            return state

        def partition(r):
            r.take("i")
            r.take("h")
            leader, _epoch, _watermark = r.take("i"), r.take("i"), r.take("q")
            voters = dict(r.compact_array(replica))
            r.compact_array(replica)
            r.tags()
            return leader, voters

        def topic(r):
            r.compact_string()
            partitions = r.compact_array(partition)
            r.tags()
            return partitions

        if reader.take("h") != 0:
            raise NotReady("no quorum leader")
        leader, voters = reader.compact_array(topic)[0][0]
        end = max(voters.values())
        return {"leader": leader, "voters": {node: end - at for node, at in voters.items()}}


def first_answer(addresses, question):
    last = None
    for address in addresses:
        try:
            with Broker(address) as broker:
                return question(broker)
        except (Unanswered, NotReady) as error:
            last = error
    raise last


def check_ready(addresses):
    """Raises with what is missing."""
    for address in addresses:
        with Broker(address) as broker:
            brokers, topics = broker.metadata()
            if len(brokers) < len(addresses):
                raise NotReady(f"{address} knows {len(brokers)} of {len(addresses)} brokers")
    with Broker(addresses[0]) as broker:
        for name, kind in zip(COORDINATOR_TOPICS, (GROUP, TRANSACTION)):
            if name not in topics:
                broker.find_coordinator(kind, "kstream-cluster-probe")
    for name in COORDINATOR_TOPICS:
        if name not in topics:
            raise NotReady(f"{name} is being made")
        for number, leader, replicas, isr in topics[name]:
            if leader < 0 or len(isr) < len(replicas):
                raise NotReady(f"{name}-{number} has not its full ISR yet")
    with Broker(addresses[0]) as broker:
        broker.find_coordinator(GROUP, "kstream-cluster-probe")
        coordinator = broker.find_coordinator(TRANSACTION, "kstream-cluster-probe")
    with Broker(coordinator) as broker:
        broker.init_producer_id("kstream-cluster-probe")


def check_broker(identity, address):
    # Asked itself: the others go on listing a broker that has crashed until its session ends.
    with Broker(address) as broker:
        brokers, _ = broker.metadata()
    if identity not in brokers:
        raise NotReady(f"broker {identity} is not unfenced yet")


def check_port(address):
    Broker(address, timeout=1.0).__exit__()


def holders(port):
    """Who has a TCP port of this machine, as far as this user may see it: "pid 7 (java)"."""
    sockets, found = set(), set()
    for table in ("/proc/net/tcp", "/proc/net/tcp6"):
        try:
            lines = open(table).read().splitlines()[1:]
        except OSError:
            continue
        for line in lines:
            fields = line.split()
            if int(fields[1].rpartition(":")[2], 16) != port:
                continue
            if fields[3] == TIME_WAIT:
                found.add("a connection that is over, for a minute")
            sockets.add(f"socket:[{fields[9]}]")
    for descriptor in glob.iglob("/proc/[0-9]*/fd/*"):
        try:
            if os.readlink(descriptor) in sockets:
                pid = descriptor.split("/")[2]
                found.add(f"pid {pid} ({open(f'/proc/{pid}/comm').read().strip()})")
        except OSError:
            continue
    return sorted(found)


def check_free(address):
    """As Java's servers bind."""
    host, _, port = address.rpartition(":")
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, int(port)))
            probe.listen()
        except OSError as error:
            who = ", ".join(holders(int(port))) or "somebody else's process"
            raise NotReady(f"{address} is taken by {who}: {error.strerror}") from error


def wait(seconds, check, *arguments):
    deadline = time.monotonic() + seconds
    while True:
        try:
            return check(*arguments)
        except (Unanswered, NotReady) as error:
            if time.monotonic() > deadline:
                sys.exit(f"not ready after {seconds:g} s: {error}")
        time.sleep(POLL_SECONDS)


def status(addresses):
    answering = []
    for address in addresses:
        try:
            with Broker(address, timeout=1.0) as broker:
                broker.metadata()
            answering.append(address)
        except Unanswered:
            pass
    state = {"answering": answering, "unfenced": [], "topics": 0, "partitions": 0}
    state |= {"without_leader": 0, "under_replicated": 0, "quorum": {"leader": -1, "voters": {}}}
    if answering:
        brokers, topics = first_answer(answering, Broker.metadata)
        partitions = [partition for found in topics.values() for partition in found]
        state["unfenced"] = sorted(brokers)
        state["topics"] = len(topics)
        state["partitions"] = len(partitions)
        state["without_leader"] = sum(1 for p in partitions if p[1] < 0)
        state["under_replicated"] = sum(1 for p in partitions if len(p[3]) < len(p[2]))
        try:
            state["quorum"] = first_answer(answering, Broker.quorum)
        except (Unanswered, NotReady):
            pass
    return state


def free_ports(count):
    sockets = [socket.socket() for _ in range(count)]
    for each in sockets:
        each.bind(("127.0.0.1", 0))
    ports = [each.getsockname()[1] for each in sockets]
    for each in sockets:
        each.close()
    return ports


def new_id():
    while True:
        text = base64.urlsafe_b64encode(uuid.uuid4().bytes).decode().rstrip("=")
        if not text.startswith("-"):  # Kafka's tools would take it for an option
            return text


def main(arguments):
    command, *rest = arguments
    if command == "status":
        print(json.dumps(status(rest[0].split(","))))
    elif command == "check":
        wait(0, check_ready, rest[0].split(","))
    elif command == "wait-ready":
        wait(float(rest[0]), check_ready, rest[1].split(","))
    elif command == "wait-broker":
        wait(float(rest[0]), check_broker, int(rest[1]), rest[2])
    elif command == "wait-port":
        wait(float(rest[0]), check_port, rest[1])
    elif command == "wait-free":
        wait(float(rest[0]), check_free, rest[1])
    elif command == "free-ports":
        print(*free_ports(int(rest[0])))
    elif command == "new-id":
        print(new_id())
    else:
        sys.exit(__doc__)


if __name__ == "__main__":
    try:
        main(sys.argv[1:] or ["help"])
    except (Unanswered, NotReady) as error:
        sys.exit(str(error))
