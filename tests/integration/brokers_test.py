"""A broker crashes and comes back while records are made and aggregated; defaults of another
cluster, which every topic has that says nothing else."""

from __future__ import annotations

import random
import re
import secrets
import time

from harness import cluster
from harness.case import IntegrationTest
from harness.records import Wanted, write


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


class Defaults(IntegrationTest):
    def test_dead_letters_without_a_key_where_the_default_is_compaction(self) -> None:
        cluster.tool("kafka-configs", "--alter", "--entity-type", "brokers", "--entity-default",
                     "--add-config", "log.cleanup.policy=[compact,delete]")  # fmt: skip
        self.addCleanup(cluster.tool, "kafka-configs", "--alter", "--entity-type", "brokers",
                        "--entity-default", "--delete-config", "log.cleanup.policy")  # fmt: skip
        self.produce(1_000)
        write(self.source, 0, [Wanted(b"no JSON")])
        self.settle()
        self.assert_exact(count=1_000)
        said = cluster.tool("kafka-configs", "--describe", "--entity-type", "topics",
                            "--entity-name", f"{self.application}-dead-letters")  # fmt: skip
        self.assertIn("cleanup.policy=delete ", said)
