"""kstream bench with few records: it measures, cleans up, and refuses what it cannot vouch for."""

from __future__ import annotations

import json
import re
import signal
from pathlib import Path

from harness import cluster
from harness.case import IntegrationTest, pause
from harness.process import Process
from harness.waiting import wait_for

FEW = ["--records", "20000", "--rounds", "1"]


class Bench(IntegrationTest):
    def bench(self, scenario: str, *options: str) -> Process:
        return self.start("bench", "--scenario", scenario, *options)

    def assert_clean(self, run: Process) -> None:
        """Nothing is left of what it has made."""
        made = re.findall(r"topic created topic=(\S+)", run.stderr)
        self.assertGreaterEqual(len(made), 5, run.describe())
        wait_for(lambda: not any(map(cluster.exists, made)), 30, f"{made} are gone")

    def test_aggregate_and_its_ceiling(self) -> None:
        run = self.bench("aggregate", *FEW, "--json").expect(0, 90)
        result = json.loads(run.stdout)
        names = [s["name"] for s in result["scenarios"]]
        self.assertEqual(names, ["consume", "aggregate"])
        figures = {f["name"]: f for f in result["scenarios"][1]["figures"]}
        for name in ("records_per_second", "of_consume", "cpu_seconds", "peak_memory"):
            self.assertGreater(figures[name]["median"], 0, name)
            self.assertEqual(len(figures[name]["rounds"]), 1)
        self.assertGreater(figures["broker_cpu_seconds"]["median"], 0)
        self.assertEqual(result["cluster"]["brokers"], 3)
        self.assert_clean(run)

    def test_many_keys(self) -> None:
        run = self.bench("keys", *FEW, "--keys", "5000", "--rate", "500", "--duration", "2s",
                         "--json").expect(0, 90)  # fmt: skip
        result = json.loads(run.stdout)
        self.assertEqual([s["name"] for s in result["scenarios"]], ["keys"])
        figures = {f["name"]: f["median"] for f in result["scenarios"][0]["figures"]}
        # By Zipf's law 20,000 records name 3,186 of 5,000 keys in the mean, evenly they name 4,908.
        self.assertGreater(figures["distinct_keys"], 3050)
        self.assertLess(figures["distinct_keys"], 3350)
        self.assertGreater(figures["visible_p99"], figures["visible_p50"])
        # Each of the keys is written at least once to each of three topics, in some 25 bytes.
        self.assertGreater(figures["bytes_written_per_record"], 3 * 3000 * 20 / 20000)
        self.assert_clean(run)

    def test_foreign_records_are_refused(self) -> None:
        """One record too many in the source: nothing is reported."""
        run = self.bench("consume", "--records", "1000000", "--rounds", "1")
        source = run.wait_for_log(r"topic created topic=(\S+-source)")[1]
        # Else it may have read them all before the one too many is there.
        run.send(signal.SIGSTOP)
        self.start("produce", "-t", source, "--output-topic", self.results, "--count", "1",
                   "--seed", "99").expect(0)  # fmt: skip
        run.send(signal.SIGCONT)
        run.expect(70, 90)
        self.assertEqual(run.stdout, "")
        self.assertIn("1000001 records", run.stderr)
        self.assert_clean(run)

    def test_a_pause_of_a_broker_is_seen_in_full(self) -> None:
        """Two seconds without one of the brokers are two seconds for all that was due meanwhile."""
        percentiles = self.directory / "latency.hgrm"
        run = self.bench("latency", "--rate", "500", "--rounds", "1", "--duration", "6s",
                         "--percentiles", str(percentiles), "--json")  # fmt: skip
        run.wait_for_log("sending", 60)
        pause(7.0)  # what is measured begins five seconds after the first record
        with cluster.paused("broker-2"):
            pause(2.0)
        run.expect(0, 90)
        figures = {f["name"]: f for f in json.loads(run.stdout)["scenarios"][0]["figures"]}
        self.note(f"longest {figures['max']['median']:.0f} ms, p90 {figures['p90']['median']:.0f}")
        self.assertGreater(figures["max"]["median"], 1900)
        self.assertGreater(figures["p90"]["median"], 500)  # a third of the records had to wait
        self.assert_hgrm(percentiles, records=3000, least_max=1900)
        self.assert_clean(run)

    def assert_hgrm(self, path: Path, records: int, least_max: float) -> None:
        lines = path.read_text().splitlines()
        self.assertEqual(lines[0].split(), "Value Percentile TotalCount 1/(1-Percentile)".split())
        last = [line.split() for line in lines if line and line[0] == " "][-1]
        self.assertEqual(last[1:], ["1.000000000000", str(records)])
        self.assertGreater(float(last[0]), least_max)

    def test_a_stop_cleans_up(self) -> None:
        run = self.bench("produce", "--records", "2000000", "--rounds", "9")
        run.wait_for_log(r"topic created topic=\S+-source")
        run.send(signal.SIGTERM)
        run.expect(6, 60)
        self.assertEqual(run.stdout, "")
        self.assert_clean(run)
