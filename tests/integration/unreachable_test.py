"""No broker in reach: waiting, saying so, stopping in time. Stops all brokers of the cluster."""

from __future__ import annotations

import signal
import time

from harness import cluster
from harness.case import IntegrationTest, membership, wait_for

BROKERS = ("broker-1", "broker-2", "broker-3")


class Unreachable(IntegrationTest):
    def tearDown(self) -> None:
        cluster.up()

    def test_sigterm_and_return(self) -> None:
        self.create_topics()
        producer = self.start_produce("--rate", "5000", "--seed", "15")
        # A session that outlives the stop: what is lost before it is nobody's to commit any more.
        leaving, staying = self.replicas(2, *membership(12))
        # Both stages are in the middle of it.
        wait_for(lambda: cluster.record_count(self.results) > 0, 60, "there are results")
        for node in BROKERS:
            cluster.command("stop", node)

        # Not committed and not lost: its own exit code, in time, and in words.
        started = time.monotonic()
        leaving.send(signal.SIGTERM)
        leaving.expect(6, 8)
        self.note(f"SIGTERM without brokers took {time.monotonic() - started:.2f} s")
        self.assertRegex(leaving.stderr, "not committed|nothing.*lost")

        # One that comes now waits half a minute, and says then that the cluster does not answer.
        newcomer = self.aggregate("--until", "end", name="newcomer")
        # The same for one that is asked to go while it still looks for the cluster.
        brief = self.aggregate(name="brief")
        brief.terminate()

        newcomer.expect(3, 45)
        # One that comes a little before the brokers waits for them: for the first, and then for
        # the others.
        early = self.aggregate("--until", "end", name="early")
        cluster.command("start", BROKERS[0])
        wait_for(lambda: "waiting for brokers" in early.stderr, 60, "it waits for the others")
        asked = time.monotonic()
        cluster.up()
        took = time.monotonic() - asked
        self.assertTrue(staying.is_running(), staying.describe())
        producer.terminate(30)
        # It waits for half a minute, which on a busy machine two brokers may need to start.
        self.assertIn(early.wait(180), (0,) if took < 15 else (0, 3), early.describe())
        self.settle(180)
        self.assert_exact()
        staying.terminate()
