#!/usr/bin/env python3
"""`kstream produce` beside Kafka's own kafka-producer-perf-test, in turns on one cluster.

    against_perf_test.py                               lz4, 20,000,000 records, three rounds
    against_perf_test.py --compression gzip --records 5000000

Both have acks=all, idempotence, the same codec, the same linger and the same size of a batch (those
of kstream's defaults), six partitions, the same brokers, and send records of the same bytes:
kstream makes and encodes each while it sends, with a key; the tool, without keys, picks from
100,000 that kstream has made before and that it holds in memory. The tool gets 100,000 records to
warm up before its clock starts and 256 MB for its queue. Each round has topics of its own.

Prints each round and the ratio of the best of both. Needs a cluster of scripts/cluster.sh (tools of
Kafka are started through it) and a machine where nothing else runs; the binary is
build/release/bin/kstream, or what KSTREAM names.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
BINARY = os.environ.get("KSTREAM", str(ROOT / "build/release/bin/kstream"))
CLUSTER = str(ROOT / "scripts/cluster.sh")
PAYLOADS = 100_000
WARM_UP = 100_000
PATIENCE_SECONDS = 600
# Said to both sides; the names are the same in both clients. These are kstream's defaults.
BOTH = {"linger.ms": "10", "batch.size": "1000000"}


def run(*command: str, **options) -> str:
    done = subprocess.run(
        command, stdout=subprocess.PIPE, text=True, timeout=PATIENCE_SECONDS, **options
    )
    if done.returncode != 0:
        sys.exit(f"{' '.join(command)} ended with {done.returncode}")
    return done.stdout


class Comparison:
    def __init__(self, options: argparse.Namespace) -> None:
        self.options = options
        self.name = f"kstream-against-{os.getpid()}"
        self.made: list[str] = []
        self.results = ""

    def kafka(self, tool: str, *arguments: str) -> str:
        return run(CLUSTER, "tool", tool, "--bootstrap-server", self.options.brokers, *arguments)

    def topic(self, name: str) -> str:
        """An empty one of six partitions, replicated as the cluster does by default."""
        topic = f"{self.name}-{name}"
        self.kafka("kafka-topics", "--create", "--topic", topic, "--partitions", "6")
        self.made.append(topic)
        return topic

    def remove_topics(self) -> None:
        for topic in self.made:
            self.kafka("kafka-topics", "--delete", "--topic", topic)
        self.made.clear()

    def produce(self, topic: str, records: int) -> dict:
        # The results topic is not used, but produce wants one; any that is there will do.
        said = run(
            BINARY, "produce", "--brokers", self.options.brokers, "--topic", topic,
            "--output-topic", self.results, "--count", str(records), "--json",
            "--compression", self.options.compression, "--log-level", "warn",
            *(word for name, value in BOTH.items() for word in ("-X", f"{name}={value}")),
        )  # fmt: skip
        return json.loads(said)

    def perf_test(self, topic: str, payloads: Path) -> float:
        """Records a second, without the warm-up."""
        settings = BOTH | {
            "acks": "all",
            "enable.idempotence": "true",
            "compression.type": self.options.compression,
            "buffer.memory": "268435456",
        }
        properties = [f"{name}={value}" for name, value in settings.items()]
        said = self.kafka(
            "kafka-producer-perf-test", "--topic", topic, "--throughput", "-1",
            "--num-records", str(self.options.records + WARM_UP),
            "--warmup-records", str(WARM_UP), "--payload-file", str(payloads),
            "--command-property", *properties,
        )  # fmt: skip
        last = said.strip().splitlines()[-1]
        found = re.search(r"(\d+) (?:steady state )?records sent, ([\d.]+) records/sec", last)
        if not found or int(found[1]) < self.options.records:
            sys.exit(f"the tool has not said how fast it was: {last}")
        return float(found[2])

    def payloads(self, folder: Path) -> Path:
        topic = self.topic("payloads")
        self.produce(topic, PAYLOADS)
        values = self.kafka(
            "kafka-console-consumer", "--topic", topic, "--from-beginning",
            "--max-messages", str(PAYLOADS),
        )  # fmt: skip
        lines = values.splitlines()
        if len(lines) != PAYLOADS or not all(line.startswith("{") for line in lines):
            sys.exit(f"{len(lines)} payloads were read back, of {PAYLOADS}")
        file = folder / "payloads"
        file.write_text("\n".join(lines))
        print(f"payloads: {PAYLOADS} of {len(values) / PAYLOADS - 1:.1f} bytes in the mean")
        return file

    def compare(self) -> None:
        self.results = self.topic("results")
        with tempfile.TemporaryDirectory() as folder:
            payloads = self.payloads(Path(folder))
            ours: list[float] = []
            theirs: list[float] = []
            for number in range(1, self.options.rounds + 1):
                produced = self.produce(self.topic(f"kstream-{number}"), self.options.records)
                ours.append(produced["records_per_second"])
                theirs.append(self.perf_test(self.topic(f"tool-{number}"), payloads))
                print(
                    f"round {number}: kstream produce {ours[-1]:,.0f} records/s, "
                    f"kafka-producer-perf-test {theirs[-1]:,.0f}",
                    flush=True,
                )
        print(
            f"{self.options.compression}: best of {self.options.rounds}: "
            f"{max(ours):,.0f} to {max(theirs):,.0f} records/s, {max(ours) / max(theirs):.2f}"
        )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--brokers", default="localhost:29092")
    parser.add_argument("--records", type=int, default=20_000_000)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--compression", default="lz4")
    comparison = Comparison(parser.parse_args())
    try:
        comparison.compare()
    finally:
        comparison.remove_topics()


if __name__ == "__main__":
    main()
