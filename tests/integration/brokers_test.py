"""A broker crashes and comes back while records are made and aggregated."""

from __future__ import annotations

import random
import re
import secrets
import time

from harness import cluster
from harness.case import IntegrationTest


class Brokers(IntegrationTest):
    def tearDown(self) -> None:
        cluster.up()  # whatever happened, the next test finds three brokers

    def test_a_broker_is_killed_and_returns(self) -> None:
        seed = secrets.randbits(32)
        self.note(f"seed {seed}")
        dice = random.Random(seed)
        self.create_topics()
        watcher = self.watch()
        replicas = self.replicas(2)
        producer = self.start_produce("--rate", "10000", "--seed", "14")
        watcher.wait_for_total(1, 60)
        # The one whose loss costs most: the group loses its partitions as well, and its takeovers
        # have to find the next coordinator.
        first = cluster.coordinator(f"{self.application}-map")
        for node in (first, f"broker-{dice.randint(1, 3)}"):
            watcher.wait_for_total(watcher.total() + 1, 60)
            cluster.command("kill", node)
            # Everything that it led has another leader, and goes on while it is away.
            killed = time.monotonic()
            watcher.wait_for_total(watcher.total() + 10_000, 60)
            self.note(f"{node}: 10,000 records in {time.monotonic() - killed:.1f} s")
            cluster.bring_back(node)
            watcher.wait_for_total(watcher.total() + 10_000, 60)
        producer.terminate(30)
        self.settle()
        report = self.assert_exact()
        self.note(f"{report.figures['valid_records']} records")
        watcher.require_no_fall(int(str(report.figures["valid_records"])))
        for replica in replicas:
            # librdkafka's clients must back off from a broker that is down.
            tries = [int(n) for n in re.findall(r"(\d+) identical error", replica.stderr)]
            self.assertLess(max(tries, default=0), 1000, replica.describe())
            self.assertTrue(replica.is_running(), replica.describe())
            replica.terminate()
