"""The fixed ports of the development cluster: none where clients are given theirs, but for those
that `--brokers` names by default; and one that is taken is said with its holder."""

from __future__ import annotations

import os
import re
import socket
import subprocess
import sys
import threading
import unittest
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from harness import proxy

ROOT = Path(__file__).resolve().parents[2]
PROBE = ROOT / "scripts" / "lib" / "kafka_probe.py"
sys.path.insert(0, str(PROBE.parent))

import kafka_probe  # noqa: E402
# The kernel's default: net.ipv4.ip_local_port_range.
FIRST_OF_CLIENTS = 32768
DEFAULT_BROKERS = {29092, 39092, 49092}


def reserved() -> set[int]:
    script = (ROOT / "scripts" / "cluster.sh").read_text()
    found = re.search(r"RESERVED_PORTS=([\d,\\\n-]+)", script)
    assert found is not None
    ports: set[int] = set()
    for part in re.sub(r"\\\n", "", found[1]).strip().split(","):
        first, _, last = part.partition("-")
        ports |= set(range(int(first), int(last or first) + 1))
    return ports


def wait_free(port: int, seconds: float) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, PROBE, "wait-free", str(seconds), f"127.0.0.1:{port}"],
        capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip


class Ports(unittest.TestCase):
    def test_only_the_default_brokers_are_where_clients_are(self) -> None:
        ports = reserved()
        self.assertLess(DEFAULT_BROKERS, ports)
        self.assertEqual({p for p in ports if p >= FIRST_OF_CLIENTS}, DEFAULT_BROKERS - {29092})
        self.assertLess(set(proxy.PORTS) | set(proxy.PORTS.values()), ports)

    def test_a_port_that_a_client_has_is_told_and_waited_for(self) -> None:
        # One that nobody has or had a moment ago: connect() alone may take such a one.
        client = socket.socket()
        client.bind(("127.0.0.1", 0))
        with socket.create_server(("127.0.0.1", 0)) as server:
            client.connect(server.getsockname())
            accepted, _ = server.accept()
        port = client.getsockname()[1]
        taken = wait_free(port, 0)
        self.assertEqual(taken.returncode, 1)
        self.assertRegex(taken.stderr, rf":{port} is taken by .*pid {os.getpid()} \(")
        refused = threading.Event()

        def look(address: str) -> None:
            try:
                kafka_probe.check_free(address)
            except kafka_probe.NotReady:
                refused.set()
                raise

        with ThreadPoolExecutor(1) as threads:
            waiting = threads.submit(kafka_probe.wait, 30, look, f"127.0.0.1:{port}")
            self.assertTrue(refused.wait(30))
            self.assertFalse(waiting.done())
            # Whoever closes first keeps the port for a minute; both do if neither has seen the
            # other's.
            accepted.close()
            self.assertEqual(client.recv(1), b"")
            client.close()
            waiting.result()


if __name__ == "__main__":
    unittest.main()
