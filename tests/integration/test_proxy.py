#!/usr/bin/env python3
"""Tests of the proxy of the harness, between a client and a broker that are made here."""

from __future__ import annotations

import socket
import struct
import sys
import threading
import unittest
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent))
from harness.proxy import (
    END_TXN,
    FETCH,
    INIT_PRODUCER_ID,
    PRODUCE,
    Proxy,
    Rule,
    first_partition_error,
    read_request,
)
from harness.waiting import wait_for

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "scripts" / "lib"))
from kafka_probe import string  # noqa: E402


def request(api: int, correlation: int, rest: bytes = b"", version: int = 1) -> bytes:
    return struct.pack(">hhi", api, version, correlation) + string("app-map-0-producer") + rest


def framed(data: bytes) -> bytes:
    return struct.pack(">i", len(data)) + data


class Broker(threading.Thread):
    """Answers every request with its correlation id, no throttling and error 47."""

    def __init__(self) -> None:
        super().__init__(daemon=True)
        self.got: list[bytes] = []
        self._server = socket.create_server(("127.0.0.1", 0))
        self.port = self._server.getsockname()[1]
        self.start()

    def run(self) -> None:
        while True:
            try:
                accepted, _ = self._server.accept()
            except OSError:
                return
            threading.Thread(target=self._answer, args=(accepted,), daemon=True).start()

    def _answer(self, accepted: socket.socket) -> None:
        while data := receive(accepted):
            self.got.append(data)
            accepted.sendall(framed(data[4:8] + struct.pack(">ih", 0, 47)))

    def close(self) -> None:
        self._server.close()


def receive(connection: socket.socket) -> bytes:
    """A frame; empty at the end of the connection."""
    try:
        size = connection.recv(4, socket.MSG_WAITALL)
        if len(size) < 4:
            return b""
        (wanted,) = struct.unpack(">i", size)
        data = connection.recv(wanted, socket.MSG_WAITALL)
        return data if len(data) == wanted else b""
    except ConnectionError:
        return b""


class Proxied(unittest.TestCase):
    def setUp(self) -> None:
        self.broker = Broker()
        self.addCleanup(self.broker.close)
        # A port that was looked for before is another's by the time that it is wanted.
        self.proxy = Proxy({0: self.broker.port})
        self.addCleanup(self.proxy.close)
        (self.port,) = self.proxy.ports
        self.client = self.connect()

    def connect(self) -> socket.socket:
        client = socket.create_connection(("127.0.0.1", self.port), timeout=10)
        self.addCleanup(client.close)
        return client

    def answered(self, correlation: int) -> None:
        self.assertEqual(struct.unpack_from(">i", receive(self.client)), (correlation,))

    def test_passes_on_what_comes(self) -> None:
        for correlation in range(3):
            self.client.sendall(framed(request(FETCH, correlation)))
            self.answered(correlation)
        self.assertEqual(self.broker.got, [request(FETCH, n) for n in range(3)])

    def test_a_rule_is_for_its_frames_only_and_so_many(self) -> None:
        rule = self.proxy.add(Rule("cut", FETCH, client="totals"))
        other = self.proxy.add(Rule("delay", FETCH, count=2))
        for correlation in range(3):
            self.client.sendall(framed(request(FETCH, correlation)))
            self.answered(correlation)
        self.assertEqual((rule.hits, len(other.hits)), ([], 2))

    def test_a_held_request_holds_up_what_is_behind_it(self) -> None:
        rule = self.proxy.add(Rule("hold", END_TXN))
        self.client.sendall(framed(request(FETCH, 1)))
        self.answered(1)
        self.client.sendall(framed(request(END_TXN, 2, string("t"))) + framed(request(FETCH, 3)))
        wait_for(lambda: rule.hits, 10, "it is held")
        self.assertEqual(len(self.broker.got), 1)
        self.proxy.release(rule)
        self.answered(2)
        self.answered(3)

    def test_a_held_request_arrives_when_its_client_has_gone(self) -> None:
        rule = self.proxy.add(Rule("hold", END_TXN, transactional_id="t"))
        self.client.sendall(framed(request(END_TXN, 1, string("t"))))
        wait_for(lambda: rule.hits, 10, "it is held")
        self.client.close()
        self.proxy.release(rule)
        wait_for(lambda: rule.hits[0].answered, 10, "the broker answers it")
        self.assertEqual(rule.hits[0].error, 47)
        self.assertEqual(len(self.broker.got), 1)

    def test_a_lost_response(self) -> None:
        rule = self.proxy.add(Rule("blackhole", FETCH, response=True))
        self.client.sendall(framed(request(FETCH, 1)))
        wait_for(lambda: rule.hits, 10, "it is lost")
        self.assertEqual(len(self.broker.got), 1)
        self.proxy.release(rule)
        self.assertEqual(receive(self.client), b"")

    def test_half_a_request(self) -> None:
        self.proxy.add(Rule("cut", PRODUCE))
        self.client.sendall(framed(request(PRODUCE, 1, string("t"), version=3)))
        self.assertEqual(receive(self.client), b"")
        self.assertEqual(self.broker.got, [])

    def test_errors_of_partitions(self) -> None:
        error = struct.pack(">ih", 3, 22)
        plain = bytes(8) + struct.pack(">i", 1) + string("topic") + struct.pack(">i", 1) + error
        flexible = bytes(9) + b"\x02\x06topic\x02" + error
        for data in (plain, flexible):
            at = first_partition_error(data, data is flexible)
            self.assertEqual(data[at:], error[4:])

    def test_transactional_ids(self) -> None:
        self.client.sendall(framed(request(END_TXN, 1, string("app-map-a-0"))))
        self.answered(1)
        seen = self.proxy.seen(lambda frame: frame.transactional_id == "app-map-a-0")
        assert seen
        self.assertEqual((seen.api, seen.error), (END_TXN, 47))
        flexible = read_request(0, request(INIT_PRODUCER_ID, 1, b"\0\x04abc", version=4))
        self.assertEqual(flexible.transactional_id, "abc")
        plain = read_request(0, request(PRODUCE, 1, struct.pack(">h", -1), version=7))
        self.assertEqual(plain.transactional_id, "")


if __name__ == "__main__":
    unittest.main()
