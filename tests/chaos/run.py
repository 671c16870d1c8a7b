#!/usr/bin/env python3
"""Workers, brokers and the network between them are hurt for some minutes, while records are made
and aggregated; then the totals have to be exact.

    run.py --minutes 5                    everything at once
    run.py --minutes 10 --profile workers --seed 7

A cluster of its own (three controllers, three brokers), four workers, a producer, and a reader of
the results that notes a total that falls. A seeded schedule chooses faults; only those that left
evidence count. At the end all is healed and drained; then `kstream audit` and
tools/check_totals.py, which shares no code with kstream, have to agree with what was published, and
every process has to have ended in a way that has a reason.

As root it runs in a network and mount namespace of its own, so that it is in nobody's way; without,
it takes the cluster's usual ports, and no disk gets full. The binary is build/release/bin/kstream,
or what KSTREAM names. Exit code 0: exact. Logs of a run that was not stay in build/chaos/.

    --profile NAME      which faults: see PROFILES
    --times stock       Kafka's and kstream's own session and transaction times
    --group-protocol consumer   groups of KIP-848
"""

from __future__ import annotations

import argparse
import json
import os
import random
import secrets
import shutil
import signal
import subprocess
import sys
import threading
import time
import unittest
from dataclasses import dataclass
from pathlib import Path

HERE = Path(__file__).resolve().parent
ROOT = HERE.parents[1]
sys.path.insert(0, str(HERE.parent / "integration"))
sys.path.insert(0, str(HERE))
LOGS = ROOT / "build" / "chaos"
os.environ.setdefault("KSTREAM_CLUSTER_DIR", str(LOGS / "cluster"))
os.environ["KSTREAM_TEST_LOGS"] = str(LOGS)

import brokers  # noqa: E402
import faults  # noqa: E402
import ledger  # noqa: E402
from harness import case, cluster, process, proxy  # noqa: E402
from harness.case import IntegrationTest, membership, pause, wait_for  # noqa: E402
from kafka_probe import NotReady, Unanswered  # noqa: E402
from reader import Reader  # noqa: E402
from workers import Fleet  # noqa: E402


@dataclass(frozen=True)
class Profile:
    """Every `gap` seconds each of the faults begins with its probability, but now and then none."""

    kinds: dict[str, float]
    gap: tuple[float, float] = (5.0, 15.0)
    quiet: float = 0.25
    at_once: int = 1  # of one kind
    proxied: bool = False


PROFILES = {
    "workers": Profile({"worker_kill": 1.0}, gap=(0.5, 2.5), quiet=0.0),
    "zombies": Profile({"worker_stop": 1.0, "worker_kill": 1.0}, (2.0, 5.0), 0.0, at_once=2),
    "brokers": Profile(
        {"broker_kill": 0.6, "controller_kill": 0.2, "group_coordinator": 0.5,
         "transaction_coordinator": 0.5, "rolling_restart": 0.05, "disk_full": 0.15},
    ),
    "transactions": Profile(
        {"late_commit": 0.9, "network": 0.5, "worker_kill": 0.15, "transaction_coordinator": 0.15},
        gap=(3.0, 8.0), quiet=0.1, at_once=2, proxied=True,
    ),
    "all": Profile(
        {"worker_kill": 0.6, "worker_stop": 0.3, "broker_kill": 0.25, "controller_kill": 0.1,
         "group_coordinator": 0.2, "transaction_coordinator": 0.2, "rolling_restart": 0.03,
         "disk_full": 0.08, "network": 0.4, "late_commit": 0.4, "poison_records": 0.2},
        proxied=True,
    ),
}  # fmt: skip
SESSION_SECONDS = {"short": 2.0, "stock": 8.0}  # 8 s is kstream's own
WORKERS = 4
REFUSED = 7  # by the start checks: repartition and changelog topic no longer fit together
SELLERS = 60  # so that every state partition has news all the time


class Chaos(IntegrationTest):
    """One run, as a test: names, logs, processes and the checker are those of the others."""

    options: argparse.Namespace

    def id(self) -> str:
        return f"chaos.{self.options.profile}-{self.options.seed}"

    def runTest(self) -> None:
        options = self.options
        self.profile = PROFILES[options.profile]
        self.dice = random.Random(options.seed)
        self.counts = {kind: {"tried": 0, "evidence": 0} for kind in self.profile.kinds}
        self.trace: list[dict[str, object]] = []
        self.trouble: list[str] = []
        self.running: list[threading.Thread] = []
        self.started = time.time()
        self.create_topics()
        self.reader = Reader(self.results)
        self.addCleanup(self.reader.stop)
        through = proxy.shared() if self.profile.proxied else None
        session = SESSION_SECONDS[options.times]
        self.fleet = Fleet(self, self.dice, WORKERS, session, self.profile.proxied)
        self.scene = faults.Scene(self.application, self.source, session, self.fleet, self.reader,
                                  through, options.disk)  # fmt: skip
        self.producer = self.start_produce(
            "--rate", str(options.rate), "--seed", str(options.seed % 2**32),
            "--sellers", str(SELLERS),
        )  # fmt: skip
        self.fleet.wait_for_owners(60)
        self.reader.wait_for_total(1, 60)
        self.hurt(time.monotonic() + 60 * options.minutes)
        self.heal()
        self.judge()
        if options.profile == "all":
            self.change_partition_count()

    # ---- the faults ------------------------------------------------------------------------------

    def hurt(self, deadline: float) -> None:
        """Until the deadline, or until something has already gone wrong."""

        def over() -> bool:
            return time.monotonic() > deadline or bool(self.fleet.wrong or self.trouble)

        while not over():
            pause(self.dice.uniform(*self.profile.gap), over)
            if over() or self.dice.random() < self.profile.quiet:
                continue
            for kind, probability in self.profile.kinds.items():
                chosen = self.dice.random() < probability
                seed = self.dice.getrandbits(64)
                if chosen and self.now(kind) < self.profile.at_once:
                    self.begin(kind, seed)

    def now(self, kind: str) -> int:
        return sum(thread.name == kind and thread.is_alive() for thread in self.running)

    def begin(self, kind: str, seed: int) -> None:
        thread = threading.Thread(target=self.one, args=(kind, seed), name=kind, daemon=True)
        self.running = [t for t in self.running if t.is_alive()] + [thread]
        thread.start()

    def one(self, kind: str, seed: int) -> None:
        self.counts[kind]["tried"] += 1
        began = time.time()
        try:
            evidence = faults.KINDS[kind](self.scene, random.Random(seed))
        except (Unanswered, NotReady, faults.TooLate):
            evidence = None  # its own questions met another fault, or the end
        except Exception as error:
            self.trouble.append(f"{kind}: {error}")
            evidence = None
        self.counts[kind]["evidence"] += evidence is not None
        seconds = time.time() - began
        self.trace.append({"at": round(began - self.started, 2), "kind": kind,
                           "seconds": round(seconds, 2), "evidence": evidence})  # fmt: skip

    def heal(self) -> None:
        self.scene.ending.set()
        for thread in self.running:
            thread.join(300)
            if thread.is_alive():
                self.trouble.append(f"{thread.name} does not end")
        cluster.up()
        wait_for(faults.in_sync, 120, "all replicas are in sync", poll=0.5)

    # ---- the verdict -----------------------------------------------------------------------------

    def judge(self) -> None:
        self.producer.terminate(60)
        self.settle(240, *membership(SESSION_SECONDS[self.options.times]))
        self.fleet.end()
        self.assertEqual(self.fleet.wrong, [])
        self.assertEqual(self.trouble, [])
        audit = self.start("audit", *self.names(), "--json").wait(600)
        self.report = self.check()
        total = int(str(self.report.figures["valid_records"]))
        self.assertEqual(audit, 0, "the audit does not prove the totals")
        self.assertEqual(self.report.differences, [], self.report.figures)
        self.reader.require_no_fall(total, 60)

    def change_partition_count(self) -> None:
        """The last fault, for a job does not survive it: it has to be refused."""
        self.counts["partitions_added"] = {"tried": 1, "evidence": 0}
        brokers.add_partitions(f"{self.application}-totals-repartition", 7)
        self.aggregate("--until", "end", name="refused").expect(REFUSED, 120)
        self.counts["partitions_added"]["evidence"] = 1


def line_of(run: Chaos, verdict: str, state: dict[str, object], loads: list[float]) -> dict:
    options = run.options
    figures = run.report.figures if hasattr(run, "report") else {}
    recoveries = [round(r.seconds, 3) for r in run.reader.recoveries if r.seconds is not None]
    return {
        "kind": "chaos",
        "at": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(run.started)),
        **state,
        "profile": options.profile,
        "seed": options.seed,
        "minutes": options.minutes,
        "settings": {
            "times": options.times,
            "session_timeout_s": SESSION_SECONDS[options.times],
            "group_protocol": options.group_protocol,
            "workers": WORKERS,
            "rate": options.rate,
            "proxied": run.profile.proxied,
        },
        "faults": run.counts,
        "late_commit_errors": sorted(
            e["evidence"]["error"] for e in run.trace  # type: ignore[index]
            if e["kind"] == "late_commit" and e["evidence"]
        ),
        "records": figures.get("source_records", 0),
        "bad_records": figures.get("bad_records", 0),
        "result_records": figures.get("result_records", 0),
        "exits": dict(run.fleet.exits),
        "recovery_s": recoveries,
        "load_average": round(sum(loads) / max(1, len(loads)), 1),
        "verdict": verdict,
    }  # fmt: skip


def mount_disk() -> Path | None:
    """A file system of its own for one broker, which can get full. Needs our own namespace."""
    if "KSTREAM_CHAOS_NAMESPACE" not in os.environ:
        return None
    path = cluster.directory() / "broker-3" / "data"
    path.mkdir(parents=True, exist_ok=True)
    size = f"size={faults.DISK_BYTES}"
    subprocess.run(["mount", "-t", "tmpfs", "-o", size, "tmpfs", str(path)], check=True)
    return path


def run_once(options: argparse.Namespace) -> int:
    state = ledger.state_of(process.BINARY)
    Chaos.options = options
    run = Chaos()
    result = unittest.TestResult()
    loads: list[float] = []
    done = threading.Event()

    def look_at_load() -> None:
        while not done.wait(10):
            loads.append(os.getloadavg()[0])

    threading.Thread(target=look_at_load, daemon=True).start()
    unittest.TestSuite([run]).run(result)
    done.set()
    problems = [text for _, text in [*result.errors, *result.failures]]
    line = line_of(run, "broken" if problems else "exact", state, loads)
    (run.directory / "trace.json").write_text(json.dumps(run.trace, indent=1))
    print(json.dumps(line))
    for text in [*problems, *run.fleet.wrong, *run.trouble, *run.reader.falls[:10]]:
        print(text, file=sys.stderr)
    ledger.append(line)
    if problems:
        keep_logs(run.directory)
    else:
        shutil.rmtree(run.directory, ignore_errors=True)
    print(f"{int(not problems)} passed, {int(bool(problems))} failed", flush=True)
    return 1 if problems else 0


def keep_logs(directory: Path) -> None:
    """Those of the cluster as well: the next run wipes them."""
    for log in cluster.directory().glob("*/server.log*"):
        shutil.copy(log, directory / f"{log.parent.name}.{log.name}")


def enter_namespace() -> None:
    """Does not return when it has to be entered first."""
    if os.geteuid() != 0 or "KSTREAM_CHAOS_NAMESPACE" in os.environ:
        return
    inside = 'ip link set lo up && exec "$@"'
    os.environ["KSTREAM_CHAOS_NAMESPACE"] = "1"
    os.execvp("unshare", ["unshare", "--net", "--mount", "--propagation", "private", "sh", "-c",
                          inside, "sh", sys.executable, *sys.argv])  # fmt: skip


def main() -> int:
    assert __doc__
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--minutes", type=float, default=5.0)
    parser.add_argument("--seed", type=int, default=secrets.randbits(32))
    parser.add_argument("--profile", choices=PROFILES, default="all")
    parser.add_argument("--times", choices=SESSION_SECONDS, default="short")
    parser.add_argument("--rate", type=int, default=10_000, help="records per second")
    parser.add_argument("--group-protocol", choices=("classic", "consumer"), default="classic")
    options = parser.parse_args()
    case.GROUP_PROTOCOL = options.group_protocol
    enter_namespace()
    what = f"profile {options.profile}, seed {options.seed}, {options.minutes:g} minutes"
    print(what, flush=True)
    # As Ctrl-C: what was started is ended on the way out.
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, signal.default_int_handler)
    if options.times == "stock":
        os.environ["KSTREAM_CLUSTER_TIMES"] = "stock"
    cluster.command("down", "--wipe", check=False)
    options.disk = mount_disk()
    try:
        cluster.up()
        return run_once(options)
    finally:
        process.discard_all()
        cluster.command("down", check=False)


if __name__ == "__main__":
    sys.exit(main())
