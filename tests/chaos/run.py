#!/usr/bin/env python3
"""Workers, brokers and the network between them are hurt for some minutes, while records are made
and aggregated; then the totals have to be exact.

    run.py --minutes 5                    everything at once
    run.py --minutes 10 --profile workers --seed 7

A cluster of its own (three controllers, three brokers), four workers, a producer, and a reader of
the results that notes a total that falls. A seeded schedule chooses faults; only those that left
evidence count. At the end all is healed and drained; then `kstream audit` and
tools/check_totals.py, or PostgreSQL where the jobs are statements, which share no code with
kstream, have to agree with what was published, and every process has to have ended in a way that
has a reason. What was done, when, and with which evidence is in build/chaos/trace.json until the
next run.

As root it runs in a network and mount namespace of its own, so that it is in nobody's way; without,
it takes the cluster's usual ports, and no disk gets full. The binary is build/release/bin/kstream,
or what KSTREAM names. Exit code 0: exact. Logs of a run that was not stay in build/chaos/.

    --profile NAME      which faults: see profiles.py; `all` draws some things by the seed
    --times stock       Kafka's and kstream's own session and transaction times
    --group-protocol consumer   groups of KIP-848, whatever the profile says
"""

from __future__ import annotations

import argparse
import copy
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
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

HERE = Path(__file__).resolve().parent
ROOT = HERE.parents[1]
sys.path.insert(0, str(HERE.parent / "integration"))
sys.path.insert(0, str(HERE.parent / "bench"))
sys.path.insert(0, str(HERE))
LOGS = ROOT / "build" / "chaos"
os.environ.setdefault("KSTREAM_CLUSTER_DIR", str(LOGS / "cluster"))
os.environ["KSTREAM_TEST_LOGS"] = str(LOGS)

import brokers  # noqa: E402
import faults  # noqa: E402
import last_release  # noqa: E402
import ledger  # noqa: E402
import packets  # noqa: E402
import profiles  # noqa: E402
from harness import case, cluster, process, proxy  # noqa: E402
from harness.case import membership, pause, wait_for  # noqa: E402
from kafka_probe import NotReady, Unanswered  # noqa: E402
from one_run import Run  # noqa: E402
from reader import Reader  # noqa: E402
from truncation import Truncation  # noqa: E402
from workers import Fleet  # noqa: E402


# Of classic groups 8 s is kstream's own; of the others it is the brokers' affair.
SESSION_SECONDS = {
    "classic": {"short": 2.0, "stock": 8.0},
    "consumer": {"short": 5.0, "stock": 45.0},
}
NOTHING_IN_TOTALS = 11
REFUSED = 78  # by the start checks: the repartition topic is not the one that the state is for


@dataclass
class Tenant:
    """One application on the source."""

    test: Run  # under its names
    reader: Reader
    scene: faults.Scene


class Chaos(Run):
    """Faults by a schedule, while records are made and aggregated."""

    def runTest(self) -> None:
        options, profile = self.options, self.profile
        self.running: list[threading.Thread] = []
        self.ending, self.nodes = threading.Event(), threading.Lock()
        tests = [self, *(self.beside(n) for n in range(1, profile.applications))]
        if profile.statements:
            for test, statement in zip(tests, profile.statements, strict=True):
                test.query = statement.format(source=self.source)
        self.tenants = [self.tenant(test) for test in tests]
        # What is written beside it repeats records, which have to be read for that.
        windows = ("--compression", "none", "--out-of-order", "2%", "--out-of-order-by", "60s")
        self.producer = self.start_produce(
            "--rate", str(options.rate), "--seed", str(options.seed % 2**32),
            "--sellers", str(profile.sellers()), *(windows if profile.windows else ()),
        )  # fmt: skip
        for tenant in self.tenants:
            tenant.scene.producer = self.producer
        for tenant in self.tenants:
            tenant.scene.fleet.wait_for_owners(60)
            tenant.reader.wait_for_total(1, 60)
        self.hurt(time.monotonic() + 60 * options.minutes)
        self.heal()
        self.judge()
        if options.profile == "all":
            self.change_partition_count()

    def beside(self, number: int) -> Run:
        """The same run as another application: processes, folder and source are common."""
        other = copy.copy(self)
        other.application = f"{self.application}-{number}"
        other.results = f"{other.application}-results"
        other.figures = Counter()  # the source is one
        self.addCleanup(cluster.delete_topics, other.topics()[1:])
        return other

    def tenant(self, test: Run) -> Tenant:
        options, profile = self.options, self.profile
        first = options.releases[0] if options.releases else process.BINARY
        topics = profiles.COMPACTED if profile.compacted else ()
        test.create_topics(*(w for t in topics for w in ("--topic-config", t)), binary=first)
        if profile.many_keys and test is self and not profile.windows:
            self.produce(profiles.MANY_BACKLOG, "--sellers", str(profile.sellers()),
                         "--seed", str((options.seed + 1) % 2**32))  # fmt: skip
        takes_back = "HAVING" in test.query or "FROM session" in test.query
        reader = Reader(test.results, having=takes_back)
        self.readers.append(reader)
        self.addCleanup(reader.stop)
        session = options.session
        fleet = Fleet(test, self.dice, profile.workers // profile.applications, session,
                      proxied=profile.proxied, static=profile.static, binary=first)  # fmt: skip
        self.fleets.append(fleet)
        scene = faults.Scene(
            test.application, self.source, session, fleet, reader,
            proxy.shared() if profile.proxied else None, options.disk, options.releases,
            options.apart, self.ending, self.nodes,
        )  # fmt: skip
        return Tenant(test, reader, scene)

    # ---- the faults ------------------------------------------------------------------------------

    def hurt(self, deadline: float) -> None:
        """Until the deadline, or until something has already gone wrong."""

        def over() -> bool:
            wrong = any(fleet.wrong for fleet in self.fleets)
            return time.monotonic() > deadline or wrong or bool(self.trouble)

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
        dice = random.Random(seed)
        scene = dice.choice(self.tenants).scene
        try:
            evidence = faults.KINDS[kind](scene, dice)
        except (Unanswered, NotReady, faults.TooLate):
            evidence = None  # its own questions met another fault, or the end
        except Exception as error:
            self.trouble.append(f"{kind}: {error}")
            evidence = None
        self.note_fault(kind, began, evidence)

    def heal(self) -> None:
        self.ending.set()
        for thread in self.running:
            thread.join(300)
            if thread.is_alive():
                self.trouble.append(f"{thread.name} does not end")
        cluster.up()
        wait_for(faults.in_sync, 120, "all replicas are in sync", poll=0.5)

    # ---- the verdict -----------------------------------------------------------------------------

    def judge(self) -> None:
        self.producer.terminate(60)
        for tenant in self.tenants:
            self.settle_one(tenant.test)
            tenant.scene.fleet.end()
        self.assertEqual([wrong for fleet in self.fleets for wrong in fleet.wrong], [])
        self.assertEqual(self.trouble, [])
        for tenant in self.tenants:
            self.judge_one(tenant)
        self.require_evidence()
        replaced = [e["evidence"] for e in self.trace if e["kind"] == "worker_replaced"]
        to = {Path(str(each["to"])) for each in replaced if each}  # type: ignore[index]
        self.assertEqual(to, set(self.options.releases), "there and back")

    def settle_one(self, test: Run) -> None:
        """With windows, all that is left may be late."""
        options = ("--until", "end", *membership(self.options.session))
        code = test.aggregate(*options, name="until-end").wait(240)
        self.assertIn(code, (0, NOTHING_IN_TOTALS) if self.profile.windows else (0,))

    def judge_one(self, tenant: Tenant) -> None:
        audit = tenant.test.start("audit", *tenant.test.names(), "--json").wait(600)
        published = tenant.test.judge_results()
        self.assertEqual(audit, 0, f"the audit of {tenant.test.application} does not prove it")
        tenant.reader.require_no_fall(published, 60)

    def change_partition_count(self) -> None:
        """The last fault, for a job does not survive it: it has to be refused."""
        self.counts["partitions_added"] = {"tried": 1, "evidence": 0}
        brokers.add_partitions(f"{self.application}-totals-repartition", 7)
        self.aggregate("--until", "end", name="refused").expect(REFUSED, 120)
        self.counts["partitions_added"]["evidence"] = 1


def line_of(run: Run, verdict: str, state: dict[str, object], loads: list[float]) -> dict:
    options = run.options
    recoveries = [round(recovery.seconds, 3) for reader in run.readers
                  for recovery in reader.recoveries if recovery.seconds is not None]  # fmt: skip
    return {
        "kind": "chaos",
        "at": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(run.started)),
        **state,
        "profile": options.profile,
        "seed": options.seed,
        "minutes": options.minutes,
        "settings": {
            "times": options.times,
            "session_timeout_s": options.session,
            "group_protocol": case.GROUP_PROTOCOL,
            "workers": run.profile.workers,
            "rate": options.rate,
            "proxied": run.profile.proxied,
            "apart": options.apart,
            "many_keys": run.profile.many_keys,
            "compacted": run.profile.compacted,
            "static": run.profile.static,
            "applications": run.profile.applications,
            "statements": bool(run.profile.statements),
            "windows": run.profile.windows,
        },
        "faults": run.counts,
        "late_commit_errors": sorted(
            e["evidence"]["error"] for e in run.trace  # type: ignore[index]
            if e["kind"] == "late_commit" and e["evidence"]
        ),
        "records": run.figures["source_records"],
        "bad_records": run.figures["bad_records"],
        "result_records": run.figures["result_records"],
        **{name: run.figures[name] for name in ("late", "duplicate", "advances")
           if run.profile.windows},
        "exits": dict(sum((fleet.exits for fleet in run.fleets), Counter())),
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
    kind = Truncation if options.profile == "truncation" else Chaos
    kind.options, kind.profile = options, options.drawn
    run = kind()
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
    (LOGS / "trace.json").write_text(json.dumps(run.trace, indent=1))
    print(json.dumps(line))
    wrong = [text for fleet in run.fleets for text in fleet.wrong]
    falls = [text for reader in run.readers for text in reader.falls[:10]]
    for text in [*problems, *wrong, *run.trouble, *falls]:
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
    shutil.copy(LOGS / "trace.json", directory)
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
    parser.add_argument("--profile", choices=profiles.PROFILES, default="all")
    parser.add_argument("--times", choices=("short", "stock"), default="short")
    parser.add_argument("--rate", type=int, help="records per second")
    parser.add_argument("--group-protocol", choices=("classic", "consumer"))
    options = parser.parse_args()
    options.drawn = profiles.draw(profiles.PROFILES[options.profile], options.seed)
    options.rate = options.rate or options.drawn.rate
    case.GROUP_PROTOCOL = options.group_protocol or options.drawn.protocol
    options.session = SESSION_SECONDS[case.GROUP_PROTOCOL][options.times]
    enter_namespace()
    what = f"profile {options.profile}, seed {options.seed}, {options.minutes:g} minutes"
    print(what, flush=True)
    options.releases = ()
    if options.drawn.upgrade:
        options.releases = (last_release.build("kstream") / "bin" / "kstream", process.BINARY)
    options.apart = options.drawn.apart and "KSTREAM_CHAOS_NAMESPACE" in os.environ
    if options.apart:
        packets.prepare()
    os.environ["KSTREAM_CLUSTER_PROPERTIES"] = options.drawn.properties()
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
