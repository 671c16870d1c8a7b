"""No broker in reach: waiting, saying so, and stopping in time. Stops the whole cluster's brokers."""

from __future__ import annotations

import signal
import time

from harness import cluster
from harness.case import IntegrationTest, wait_for

BROKERS = ("broker-1", "broker-2", "broker-3")


class Unreachable(IntegrationTest):
    def tearDown(self) -> None:
        cluster.up()

    def test_sigterm_and_return(self) -> None:
        self.create_topics()
        producer = self.start_produce("--rate", "5000", "--seed", "15")
        leaving, staying = self.replicas(2)
        self.settle(60)
        for node in BROKERS:
            cluster.command("kill", node)

        # Not committed and not lost: its own exit code, in time, and in words.
        started = time.monotonic()
        leaving.send(signal.SIGTERM)
        leaving.expect(6, 8)
        self.note(f"SIGTERM without brokers took {time.monotonic() - started:.2f} s")
        self.assertRegex(leaving.stderr.splitlines()[-1], "not committed|nothing.*lost")

        newcomer = self.aggregate("--until", "end", name="newcomer")
        wait_for(
            lambda: staying.stderr.count("\n") > 0 and staying.is_running(), 10, "it still runs"
        )
        cluster.up()
        self.assertTrue(staying.is_running(), staying.describe())
        self.assertIn(newcomer.wait(60), (0, 3), newcomer.describe())
        producer.terminate(30)
        self.settle()
        self.assert_exact()
        staying.terminate()
