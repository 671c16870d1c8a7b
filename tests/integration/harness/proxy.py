"""A proxy in front of the brokers that knows Kafka's frames, and can be bad for them.

Each broker of scripts/cluster.sh has a listener of its own for it, which gives the proxy's port as
the broker's address: so nothing in the responses has to be rewritten. It is told by rules what to
do with which requests and responses; without any it passes on what comes, in order.

    delay      passes the frame on later, and with it all that is behind it on the connection
    hold       the same, until `release`; the frame gets there also when its client has gone away
    blackhole  nothing comes through in this direction any more, until `release` resets the
               connection
    cut        half of the frame, then the connection is reset
    no-brokers the response, which is one of Metadata, names no broker

A rule counts what it has done, and a frame says what became of it: a fault without such evidence
has not happened.
"""

from __future__ import annotations

import asyncio
import contextlib
import re
import struct
import threading
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field

from .cluster import Reader

PRODUCE, FETCH, METADATA, OFFSET_COMMIT, OFFSET_FETCH = 0, 1, 3, 8, 9
JOIN_GROUP, HEARTBEAT, SYNC_GROUP = 11, 12, 14
INIT_PRODUCER_ID, ADD_PARTITIONS, ADD_OFFSETS, END_TXN, TXN_OFFSET_COMMIT = 22, 24, 25, 26, 28
CONSUMER_GROUP_HEARTBEAT = 68
NAMES = {
    PRODUCE: "Produce", FETCH: "Fetch", OFFSET_FETCH: "OffsetFetch", JOIN_GROUP: "JoinGroup",
    HEARTBEAT: "Heartbeat", SYNC_GROUP: "SyncGroup", INIT_PRODUCER_ID: "InitProducerId",
    ADD_PARTITIONS: "AddPartitionsToTxn", ADD_OFFSETS: "AddOffsetsToTxn", END_TXN: "EndTxn",
    TXN_OFFSET_COMMIT: "TxnOffsetCommit",
}  # fmt: skip
# Requests that name a transactional id, and the version from which they are "flexible".
TRANSACTIONAL = {PRODUCE: 9, INIT_PRODUCER_ID: 2, ADD_PARTITIONS: 3, ADD_OFFSETS: 3, END_TXN: 3,
                 TXN_OFFSET_COMMIT: 3}  # fmt: skip
# Where the error code stands in a response: after correlation id and throttle time, and the tagged
# fields of a flexible one's header, which has none.
ERROR_AT = {(END_TXN, False): 8, (INIT_PRODUCER_ID, False): 8, (INIT_PRODUCER_ID, True): 9}

METADATA_FLEXIBLE = 9

# What clients connect to, and the broker's listener behind it.
PORTS = {29292: 29192, 29293: 29193, 29294: 29194}
BROKERS = ",".join(f"127.0.0.1:{port}" for port in PORTS)

MAX_FRAME_BYTES = 64 << 20
# How long a response to a frame is waited for whose client has gone.
ORPHAN_SECONDS = 10.0


@dataclass(eq=False)
class Frame:
    """A request, and later its response."""

    connection: int
    api: int
    version: int
    correlation: int
    client: str
    transactional_id: str
    at: float = field(default_factory=time.monotonic)
    answered: float | None = None  # when the broker's response came
    size: int = 0  # of the response, in bytes
    error: int | None = None  # of EndTxn, InitProducerId and TxnOffsetCommit (first partition)


@dataclass(eq=False)
class Rule:
    """What happens to frames of one kind, `count` times."""

    verb: str
    api: int
    response: bool = False
    client: str = ""  # a regular expression, searched in the client id
    transactional_id: str = ""  # empty: any
    version: int = -1  # of the request; -1: any
    count: int = 1
    seconds: float = 0.0  # of a delay
    hits: list[Frame] = field(default_factory=list)
    _open: asyncio.Event = field(default_factory=asyncio.Event)

    def takes(self, frame: Frame, response: bool) -> bool:
        return (
            len(self.hits) < self.count
            and self.api == frame.api
            and self.response == response
            and self.version in (-1, frame.version)
            and (not self.transactional_id or self.transactional_id == frame.transactional_id)
            and re.search(self.client, frame.client) is not None
        )


class Proxy:
    """Runs in a thread of its own from its making to `close`."""

    def __init__(self, ports: dict[int, int] = PORTS) -> None:
        self._ports = ports
        self._rules: list[Rule] = []
        self._connections = 0
        # Transactional requests in the order in which they came, for those who wait for one.
        self._seen: deque[Frame] = deque(maxlen=50_000)
        self._tasks: set[asyncio.Task[None]] = set()
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)
        self._thread.start()
        self._servers = self._call(self._listen())
        self.ports = [server.sockets[0].getsockname()[1] for server in self._servers]

    def _call(self, coroutine):  # type: ignore[no-untyped-def]
        return asyncio.run_coroutine_threadsafe(coroutine, self._loop).result(30)

    async def _listen(self) -> list[asyncio.Server]:
        return [
            await asyncio.start_server(self._serve(behind), "127.0.0.1", port)
            for port, behind in self._ports.items()
        ]

    def close(self) -> None:
        async def end() -> None:
            for server in self._servers:
                server.close()
            for task in [*self._tasks]:
                task.cancel()
            await asyncio.gather(*self._tasks, return_exceptions=True)

        self._call(end())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(10)
        self._loop.close()

    # ---- what others ask and tell ----------------------------------------------------------------

    def add(self, rule: Rule) -> Rule:
        self._rules = [*self._rules, rule]
        return rule

    def remove(self, rule: Rule) -> None:
        """No more frames for this one; what it holds stays held until `release`."""
        self._rules = [r for r in self._rules if r is not rule]

    def release(self, rule: Rule) -> None:
        """Ends what it does, and takes the rule away."""
        self.remove(rule)
        self._loop.call_soon_threadsafe(rule._open.set)

    def seen(self, condition: Callable[[Frame], bool]) -> Frame | None:
        """The first transactional request that fits."""
        return next((frame for frame in [*self._seen] if condition(frame)), None)

    # ---- one connection --------------------------------------------------------------------------

    def _serve(self, behind: int):  # type: ignore[no-untyped-def]
        async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            task = asyncio.current_task()
            assert task
            self._tasks.add(task)
            try:
                await self._connect(behind, reader, writer)
            except (OSError, asyncio.IncompleteReadError, asyncio.CancelledError):
                pass
            finally:
                self._tasks.discard(task)
                writer.transport.abort()

        return serve

    async def _connect(
        self, behind: int, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        broker_reader, broker_writer = await asyncio.open_connection("127.0.0.1", behind)
        self._connections += 1
        connection = _Connection(self, self._connections, writer, broker_writer)
        requests = asyncio.create_task(connection.requests(reader))
        responses = asyncio.create_task(connection.responses(broker_reader))
        try:
            await asyncio.wait({requests, responses}, return_when=asyncio.FIRST_COMPLETED)
            # A request that was held is on its way though its client has gone: see it answered.
            deadline = time.monotonic() + ORPHAN_SECONDS
            while connection.has_orphans() and time.monotonic() < deadline:
                await asyncio.sleep(0.02)
        finally:
            for task in (requests, responses):
                task.cancel()
            await asyncio.gather(requests, responses, return_exceptions=True)
            broker_writer.transport.abort()

    def rule_for(self, frame: Frame, response: bool) -> Rule | None:
        for rule in self._rules:
            if rule.takes(frame, response):
                rule.hits.append(frame)
                return rule
        return None

    def note(self, frame: Frame) -> None:
        if frame.transactional_id:
            self._seen.append(frame)


_shared: Proxy | None = None
_shared_lock = threading.Lock()


def shared() -> Proxy:
    """The one of this process: there is one set of ports. Tests that run at once tell their frames
    apart by transactional id."""
    global _shared
    with _shared_lock:
        if _shared is None:
            _shared = Proxy()
        return _shared


class _Connection:
    def __init__(
        self,
        proxy: Proxy,
        number: int,
        client: asyncio.StreamWriter,
        broker: asyncio.StreamWriter,
    ) -> None:
        self._proxy = proxy
        self._number = number
        self._client = client
        self._broker = broker
        self._waiting: dict[int, Frame] = {}
        self._held: set[int] = set()

    def has_orphans(self) -> bool:
        return bool(self._held & self._waiting.keys())

    async def requests(self, reader: asyncio.StreamReader) -> None:
        with contextlib.suppress(asyncio.IncompleteReadError, ConnectionError):
            while True:
                data = await _frame(reader)
                frame = read_request(self._number, data)
                self._waiting[frame.correlation] = frame
                self._proxy.note(frame)
                rule = self._proxy.rule_for(frame, response=False)
                if rule and rule.verb == "hold":
                    self._held.add(frame.correlation)
                await self._pass(data, rule, self._broker)

    async def responses(self, reader: asyncio.StreamReader) -> None:
        with contextlib.suppress(asyncio.IncompleteReadError):
            while True:
                data = await _frame(reader)
                (correlation,) = struct.unpack_from(">i", data)
                frame = self._waiting.pop(correlation)
                frame.answered, frame.size = time.monotonic(), len(data)
                flexible = frame.version >= TRANSACTIONAL.get(frame.api, frame.version + 1)
                at = ERROR_AT.get((frame.api, flexible))
                if frame.api == TXN_OFFSET_COMMIT:
                    at = first_partition_error(data, flexible)
                if at:
                    (frame.error,) = struct.unpack_from(">h", data, at)
                rule = self._proxy.rule_for(frame, response=True)
                if rule and rule.verb == "no-brokers":
                    assert frame.api == METADATA and frame.version >= METADATA_FLEXIBLE, frame
                    data = without_brokers(data)
                with contextlib.suppress(ConnectionError):
                    await self._pass(data, rule, self._client)

    async def _pass(self, data: bytes, rule: Rule | None, to: asyncio.StreamWriter) -> None:
        """Raises when the connection shall end."""
        if rule is None:
            pass
        elif rule.verb == "delay":
            await asyncio.sleep(rule.seconds)
        elif rule.verb == "hold":
            await rule._open.wait()
        elif rule.verb == "blackhole":
            await rule._open.wait()
            raise asyncio.IncompleteReadError(b"", None)
        elif rule.verb == "cut":
            to.write(struct.pack(">i", len(data)) + data[: len(data) // 2])
            await to.drain()
            raise asyncio.IncompleteReadError(b"", None)
        if to.transport.is_closing():
            raise ConnectionResetError
        to.write(struct.pack(">i", len(data)) + data)
        await to.drain()


async def _frame(reader: asyncio.StreamReader) -> bytes:
    (size,) = struct.unpack(">i", await reader.readexactly(4))
    if not 0 <= size <= MAX_FRAME_BYTES:
        raise ConnectionError(f"a frame of {size} bytes")
    return await reader.readexactly(size)


def read_request(connection: int, data: bytes) -> Frame:
    api, version, correlation, size = struct.unpack_from(">hhih", data)
    at = 10
    client = data[at : at + max(0, size)].decode("utf-8", "replace")
    at += max(0, size)
    name = ""
    if api in TRANSACTIONAL:
        name = _transactional_id(data, at, version >= TRANSACTIONAL[api])
    return Frame(connection, api, version, correlation, client, name)


def first_partition_error(data: bytes, flexible: bool) -> int:
    """Where it stands in the response of a TxnOffsetCommit: topics of (name, partitions of
    (index, error))."""
    if flexible:
        name = 10  # correlation id, tagged fields, throttle time, one byte for the number of topics
        assert data[name] < 0x80, data[:name]
        return name + data[name] + 1 + 4  # the name's size is counted from 1
    (size,) = struct.unpack_from(">h", data, 12)
    return 14 + size + 4 + 4


def without_brokers(data: bytes) -> bytes:
    """A flexible Metadata response that says there are no brokers, as each of them says while all
    are fenced."""
    reader = Reader(data)
    reader.take("i"), reader.tags(), reader.take("i")
    before = reader.position

    def broker(r: Reader) -> None:
        r.take("i"), r.compact_string(), r.take("i"), r.compact_string(), r.tags()

    reader.compact_array(broker)
    return data[:before] + b"\1" + data[reader.position :]


def _transactional_id(data: bytes, at: int, flexible: bool) -> str:
    if flexible:
        # No tagged fields in the headers of clients that we know; ids are shorter than 127 bytes.
        assert data[at] == 0 and data[at + 1] < 0x80, data[: at + 2]
        size, at = data[at + 1] - 1, at + 2
    else:
        (size,) = struct.unpack_from(">h", data, at)
        at += 2
    return data[at : at + size].decode() if size > 0 else ""
