#!/usr/bin/env python3
"""Which metrics there really are: lists with names and labels, seen on running programs.

    seen_metrics.py                  starts a cluster with the JMX exporter and
                                     deploy/kafka/jmx.yml, puts load on it, writes jmx_metrics.txt
    seen_metrics.py --check          the same, but compares: exit code 1 when a name has gone
    seen_metrics.py --print URL...   the list of what is served there, as for prometheus_metrics.txt

check_rules.py allows names from these lists only: no alert looks at a metric that only somebody's
dashboard has and our cluster has not. Run it after a change of deploy/kafka/jmx.yml and after an
upgrade of Kafka or the exporter. Needs scripts/setup.sh, a release build, Maven and the ports of
scripts/cluster.sh; takes a minute and brings everything down again.
"""

import hashlib
import os
import re
import subprocess
import sys
import time
import urllib.request
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
LIST = Path(__file__).resolve().parent / "jmx_metrics.txt"
KSTREAM = ROOT / "build/release/bin/kstream"
CLUSTER = ROOT / "scripts/cluster.sh"
BROKERS, CONTROLLERS = (29300, 29301, 29302), (29310, 29311, 29312)

HEADER = """\
# Metrics of Kafka that were seen on a live cluster of three brokers and three controllers, under
# load, through deploy/kafka/jmx.yml: name, blank, labels. Written by seen_metrics.py; do not edit.
"""


def metrics_of(exposition):
    """{"name label,label"} of a text in Prometheus' format."""
    found = set()
    for line in exposition.splitlines():
        match = re.match(r"([a-zA-Z_:][\w:]*)(\{.*\})?\s", line)
        if match:
            labels = re.findall(r'(\w+)="(?:\\.|[^"\\])*"', match.group(2) or "")
            found.add(f"{match.group(1)} {','.join(sorted(labels))}".rstrip())
    return found


def fetch(url):
    with urllib.request.urlopen(url, timeout=30) as answer:
        return answer.read().decode()


def agent():
    """The exporter's jar, the one of deploy/kafka/Dockerfile, through Maven."""
    arguments = dict(
        re.findall(r"^ARG (\w+)=(\S+)$", (ROOT / "deploy/kafka/Dockerfile").read_text(), re.M)
    )
    jar = ROOT / "build/deps/jmx" / f"jmx_prometheus_javaagent-{arguments['JMX_AGENT_VERSION']}.jar"
    if not jar.exists():
        plugin = "org.apache.maven.plugins:maven-dependency-plugin"
        subprocess.run(
            [
                "mvn", "--batch-mode", "--no-transfer-progress", "--quiet",
                f"{plugin}:{arguments['DEPENDENCY_PLUGIN_VERSION']}:copy",
                "-Dartifact=io.prometheus.jmx:jmx_prometheus_javaagent:"
                + arguments["JMX_AGENT_VERSION"],
                f"-DoutputDirectory={jar.parent}",
            ],
            check=True,
        )  # fmt: skip
    if hashlib.sha256(jar.read_bytes()).hexdigest() != arguments["JMX_AGENT_SHA256"]:
        raise SystemExit(f"{jar} has not the SHA-256 that deploy/kafka/Dockerfile states")
    return jar


def look():
    """Everything that a cluster under load shows. Prints what a scrape costs."""
    options = f"-javaagent:{agent()}=127.0.0.1:@PORT@:{ROOT}/deploy/kafka/jmx.yml"
    environment = {**os.environ, "KSTREAM_CLUSTER_JVM_OPTIONS": options}
    if subprocess.run([CLUSTER, "status"], capture_output=True, check=False).returncode == 0:
        raise SystemExit("a cluster is running: scripts/cluster.sh down")
    seen = set()
    try:
        subprocess.run([CLUSTER, "up"], env=environment, check=True)
        subprocess.run([KSTREAM, "produce", "--count", "100000"], capture_output=True, check=True)
        # Transactions, groups, a compacted topic: what has not happened has no metric.
        aggregate = [KSTREAM, "aggregate", "--until", "end"]
        subprocess.run(aggregate, capture_output=True, check=True)
        for port in (*BROKERS, *CONTROLLERS) * 2:  # the first scrape of a node builds its caches
            begin = time.monotonic()
            text = fetch(f"http://127.0.0.1:{port}/metrics")
            took = time.monotonic() - begin
            series = sum(1 for line in text.splitlines() if line and not line.startswith("#"))
            print(f"{port}: {series} series, {len(text)} bytes, {took:.2f} s")
            seen |= metrics_of(text)
    finally:
        subprocess.run([CLUSTER, "down", "--wipe"], check=False)
    return seen


def main(arguments):
    if arguments[:1] == ["--print"] and len(arguments) > 1:
        seen = set().union(*(metrics_of(fetch(url)) for url in arguments[1:]))
        print(*sorted(seen), sep="\n")
        return 0
    if arguments not in ([], ["--check"]):
        print(__doc__, file=sys.stderr)
        return 2
    seen = look()
    if not arguments:
        LIST.write_text(HEADER + "\n".join(sorted(seen)) + "\n", encoding="utf-8")
        return 0
    known = {line for line in LIST.read_text(encoding="utf-8").splitlines() if line[:1] != "#"}
    for line in sorted(known - seen):
        print(f"gone: {line}")
    for line in sorted(seen - known):
        print(f"new: {line}")
    return 1 if known - seen else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
