"""Logs that lose their end, by an unclean leader election on a real cluster (ADR 0050).

In rounds, each with topics, workers and a producer of its own: a partition is left with two
replicas, its follower is killed, the leader takes more, and is killed in its turn. The follower
comes back as the leader, without what came after its death; the old leader then follows it. What
was acknowledged is gone, and its offsets are given to others.

Afterwards either somebody has stopped with a code for it that names topic and partition, and no
more was counted than ever was there; or all goes on, and the totals are exact.
"""

from __future__ import annotations

import dataclasses
import random
import re
import signal
import time
from dataclasses import dataclass

import brokers
import faults
from harness import cluster
from harness.case import acknowledged_by, membership, wait_for
from harness.process import Process
from one_run import Run
from profiles import SELLERS
from workers import Fleet

SESSION = 2.0
PARTITIONS = 6
BEHIND = 40  # offsets at least that the follower lacks
PATIENCE = 60.0
DECIDED_SECONDS = 240.0
SOURCE = "source_cut"
TOPICS = {"repartition_cut": "totals-repartition", "changelog_cut": "totals-changelog"}
OPEN_TRANSACTION, TRY_AGAIN = 12, 75


@dataclass(frozen=True)
class Log:
    topic: str
    number: int
    leader: int
    follower: int

    def end(self) -> int:
        """Behind the last record, whatever its transaction comes to."""
        extent = cluster.extents(self.topic)[self.number]
        return extent.end + extent.pending

    def in_sync(self) -> list[int]:
        return next(p[3] for p in brokers.partitions()[self.topic] if p[0] == self.number)


@dataclass(frozen=True)
class Draw:
    """What a round leaves to its dice."""

    number: int
    drained: bool  # all is counted, and nobody makes more, before the leader goes
    restarted: str  # how workers end before the leader goes; empty: they go on
    more: bool  # records are made afterwards


class Truncation(Run):
    def runTest(self) -> None:
        first, rounds = self.application, 0
        deadline = time.monotonic() + 60 * self.options.minutes
        while rounds == 0 or time.monotonic() < deadline:
            for kind in self.dice.sample(sorted(self.counts), len(self.counts)):
                rounds += 1
                self.application = f"{first}-{rounds}"
                self.source = f"{self.application}-source"
                self.results = f"{self.application}-results"
                began, dice = time.time(), random.Random(self.dice.getrandbits(64))
                self.counts[kind]["tried"] += 1
                self.note_fault(kind, began, self.one(kind, dice))
                self._delete_topics()
        self.require_evidence()

    def one(self, kind: str, dice: random.Random) -> dict[str, object] | None:
        draw = Draw(dice.randrange(PARTITIONS), dice.random() < 0.5,
                    dice.choice(["", "SIGTERM", "SIGKILL"]), dice.random() < 0.5)  # fmt: skip
        if kind == SOURCE:
            # Nothing may be written after what was counted and is gone, before somebody has
            # looked; what was not counted is not read before it goes.
            draw = dataclasses.replace(
                draw, restarted="" if draw.drained else "SIGTERM", more=not draw.drained
            )
        self.create_topics()
        rate = str(self.options.rate)
        made = [self.produce_on("--rate", rate, "--seed", str(dice.getrandbits(32)))]
        fleet = Fleet(self, dice, self.profile.workers, SESSION)
        self.fleets.append(fleet)
        log = self.take_follower(kind, draw, dice, fleet)
        start = log.end()
        wait_for(lambda: log.end() >= start + BEHIND, PATIENCE, f"{log} has more than its follower")
        if kind == SOURCE or draw.drained:
            made[0].terminate(60)
            if draw.drained:
                self.settle(PATIENCE, *membership(SESSION))
        if kind != SOURCE and draw.restarted:
            fleet.halt(signal.Signals[draw.restarted])
        fleet.cut = re.compile(self.named(kind, log))
        evidence = self.swap(log)
        fleet.resume()
        if draw.more:
            made.append(self.produce_on("--count", "20000", "--seed", str(dice.getrandbits(32))))
            made[-1].expect(0, PATIENCE)
        if made[0].is_running():
            made[0].terminate(60)
        ended, hanging = self.decide(fleet, log)
        fleet.end()
        self.assertEqual(fleet.wrong, [])
        self.judge(ended, sum(map(acknowledged_by, made)))
        if evidence is None:
            return None
        return evidence | dataclasses.asdict(draw) | {"ended": ended, "hanging": hanging,
                                                      "refusals": fleet.refusals}  # fmt: skip

    def produce_on(self, *options: str) -> Process:
        return self.start_produce("--sellers", str(SELLERS), *options)

    def named(self, kind: str, log: Log) -> str:
        """What a stop has to name: of a state's two logs either, or the state, for each is checked
        by the other."""
        what = f"topic {log.topic}"
        if kind != SOURCE:
            what = f"(topic {self.application}-totals-(repartition|changelog)|totals)"
        return rf"{what} partition {log.number}\b"

    # ---- the fault -------------------------------------------------------------------------------

    def take_follower(self, kind: str, draw: Draw, dice: random.Random, fleet: Fleet) -> Log:
        """Leaves the log with two replicas, and kills its follower."""
        topic = self.source if kind == SOURCE else f"{self.application}-{TOPICS[kind]}"
        wait_for(
            lambda: cluster.extents(topic)[draw.number].end > BEHIND, PATIENCE, f"{topic} is in use"
        )
        if kind == SOURCE and not draw.drained:
            fleet.halt(signal.SIGTERM)
        row = next(p for p in brokers.partitions()[topic] if p[0] == draw.number)
        leader, follower = row[1], dice.choice([node for node in row[2] if node != row[1]])
        log = Log(topic, draw.number, leader, follower)
        brokers.configure(topic, unclean_leader_election_enable="true", min_insync_replicas="1")
        brokers.reassign(topic, log.number, [leader, follower])
        wait_for(lambda: sorted(log.in_sync()) == sorted([leader, follower]), PATIENCE, "both are")
        cluster.command("kill", f"broker-{follower}")
        wait_for(lambda: log.in_sync() == [leader], PATIENCE, f"the leader of {log} is alone")
        return log

    def swap(self, log: Log) -> dict[str, object] | None:
        """Kills the leader, and has the follower lead. Evidence: the last batch of then is gone."""
        last = log.end() - 1
        before = brokers.batch_at(log.topic, log.number, last)
        self.assertIsNotNone(before, f"{log} has no batch at {last}")
        cluster.command("kill", f"broker-{log.leader}")
        cluster.command("start", f"broker-{log.follower}", check=False)
        brokers.elect(log.topic, log.number, log.follower, brokers.UNCLEAN)
        begins = log.end()
        cluster.bring_back(f"broker-{log.leader}")
        wait_for(faults.in_sync, 2 * PATIENCE, "all replicas are in sync", poll=0.5)
        if log.end() > last:
            after = wait_for(
                lambda: brokers.batch_at(log.topic, log.number, last), PATIENCE, f"{log} answers"
            )
            if after == before:
                return None
        return {"topic": log.topic, "had": last + 1, "has": begins}

    # ---- what came of it -------------------------------------------------------------------------

    def decide(self, fleet: Fleet, log: Log) -> tuple[str, bool]:
        """How it ended: `stopped`, or `drained` and proved by the audit; and whether a transaction
        had lost its end."""
        deadline = time.monotonic() + DECIDED_SECONDS
        hanging = False
        while time.monotonic() < deadline:
            process = self.aggregate(
                "--until", "end", *membership(SESSION), "--takeover-timeout", "20s", name="decide"
            )
            hanging |= self.outlast(process, fleet, log)
            code = process.wait(1)
            if code == 0:
                if self.start("audit", *self.names(), "--json").wait(600) == 0:
                    return "drained", hanging
                # Who comes to the end first ends before the owners have looked. These have to.
                wait_for(lambda: fleet.refusals, PATIENCE, "what is not proved is refused")
                return "stopped", hanging
            if code in (OPEN_TRANSACTION, TRY_AGAIN):
                fleet.exits[str(code)] += 1
                hanging |= self.end_hanging(log)
            elif fleet.judge(process) or fleet.wrong:
                return "stopped", hanging
        raise AssertionError(f"neither stopped nor drained after {DECIDED_SECONDS:g} s: {log}")

    def outlast(self, process: Process, fleet: Fleet, log: Log) -> bool:
        """Until it has ended; whether a transaction that had lost its end was ended for that. A
        worker that gives up a takeover is started again and gets the same partition, so that the
        process itself may have it for a second or two at a time, and never gives up (seed
        4112560307)."""
        gave_up, hanging = fleet.exits[str(TRY_AGAIN)], False

        def ended() -> bool:
            nonlocal gave_up, hanging
            if fleet.exits[str(TRY_AGAIN)] > gave_up:
                gave_up = fleet.exits[str(TRY_AGAIN)]
                hanging |= self.end_hanging(log)
            return not process.is_running()

        wait_for(ended, DECIDED_SECONDS, "the process that drains has ended")
        return hanging

    def end_hanging(self, log: Log) -> bool:
        """A transaction whose end is gone, if there is one: as an operator does."""
        first = cluster.extents(log.topic)[log.number]
        time.sleep(SESSION)
        second = cluster.extents(log.topic)[log.number]
        if not first.pending or second.end != first.end:
            return False
        cluster.tool("kafka-transactions", "abort", "--topic", log.topic, "--partition",
                     str(log.number), "--start-offset", str(first.end))  # fmt: skip
        return True

    def judge(self, ended: str, acknowledged: int) -> None:
        report = self.check()
        self.count(report)
        published = int(str(report.figures["published_count"]))
        self.assertLessEqual(published, acknowledged, "more was counted than ever was there")
        if ended == "drained":
            self.assertEqual(report.differences, [], report.figures)
