"""Totals stay exact while processes crash, hang, come and go."""

from __future__ import annotations

import random
import secrets
import signal

from harness.case import SESSION_SECONDS, IntegrationTest, assigned, pause, wait_for
from harness.process import Process

PARALLEL = True

# Enough that every moment is in the middle of a commit, and no more: six JVMs share the machine.
RATE = "10000"


class Faults(IntegrationTest):
    def dice(self) -> random.Random:
        seed = secrets.randbits(32)
        self.note(f"seed {seed}")
        return random.Random(seed)

    def owner_of_something(self, replicas: list[Process]) -> list[Process]:
        """Those that have been given partitions of both stages: worth a fault."""
        return [r for r in replicas if all(assigned(r).get(s) for s in ("map", "totals"))]

    def test_five_kills_while_produce_runs(self) -> None:
        dice = self.dice()
        self.create_topics()
        watcher = self.watch()
        replicas = self.replicas(3)
        producer = self.start_produce("--rate", RATE, "--seed", "9")
        seen = 0
        for _ in range(5):
            pause(dice.uniform(0.0, 2.5))
            # Not while all wait for the last one's orphans: a kill has to meet work.
            watcher.wait_for_total(seen + 1, 60)
            seen = watcher.total()
            victim = dice.choice(
                wait_for(lambda: self.owner_of_something(replicas), 30, "a replica has work")
            )
            victim.kill()
            replicas.remove(victim)
            replicas.append(self.aggregate(name="replica"))
        watcher.wait_for_total(max(seen + 1, 20_000), 60)
        producer.terminate(15)
        self.settle()
        report = self.assert_exact()
        total = int(str(report.figures["valid_records"]))
        self.note(f"{total} records")
        watcher.require_no_fall(total)
        for replica in replicas:
            replica.terminate()

    def test_a_zombie_is_fenced(self) -> None:
        """SIGSTOP for longer than the session, then SIGCONT: it has to see that it lost."""
        self.create_topics()
        zombie, other = self.replicas(2)
        producer = self.start_produce("--rate", RATE, "--seed", "10")
        wait_for(lambda: self.owner_of_something([zombie]), 30, "the zombie-to-be has work")
        lines_before = len(zombie.stderr.splitlines())
        zombie.send(signal.SIGSTOP)
        # The other one has all of it: the session is over, the group has moved on.
        everything = {"map": set(range(6)), "totals": set(range(6))}
        wait_for(
            lambda: assigned(other) == everything,
            SESSION_SECONDS + 30,
            "the other replica owns all partitions",
        )
        zombie.send(signal.SIGCONT)
        lost = r"partitions lost|transaction not committed|commit did not end"
        wait_for(
            lambda: [
                line
                for line in zombie.stderr.splitlines()[lines_before:]
                if any(word in line for word in lost.split("|"))
            ],
            60,
            "the zombie says that it lost its partitions or its transaction",
        )
        producer.terminate(15)
        self.settle()
        self.assert_exact()
        zombie.terminate()
        other.terminate()

    def test_replicas_join_and_leave_in_the_middle_of_commits(self) -> None:
        dice = self.dice()
        self.create_topics()
        watcher = self.watch()
        replicas = self.replicas(1, "--commit-interval", "10ms")
        producer = self.start_produce("--rate", RATE, "--seed", "11")
        longest = 0.0
        for _ in range(8):
            pause(dice.uniform(0.0, 0.7))
            if len(replicas) > 1 and dice.random() < 0.5:
                leaving = replicas.pop(dice.randrange(len(replicas)))
                longest = max(longest, leaving.terminate())
            else:
                newcomer = self.aggregate("--commit-interval", "10ms", name="replica")
                replicas.append(newcomer)
                pause(dice.uniform(0.0, 0.5))
        self.note(f"SIGTERM took {longest:.2f} s at most")
        producer.terminate(15)
        self.settle()
        report = self.assert_exact()
        watcher.require_no_fall(int(str(report.figures["valid_records"])))
        for replica in replicas:
            replica.terminate()

    def test_sigterm_at_once_and_at_every_stage_of_the_start(self) -> None:
        """Whatever it is doing by then: 0 within five seconds, and nothing lost."""
        dice = self.dice()
        self.create_topics()
        self.produce(100_000, "--seed", "12")
        longest = 0.0
        for n in range(8):
            process = self.aggregate("--workers", "2", name="short")
            wait_for(process.handles_sigterm, 10, "it handles SIGTERM", poll=0.002)
            pause(n * 0.06 + dice.uniform(0, 0.06))
            longest = max(longest, process.terminate())
        self.note(f"SIGTERM took {longest:.2f} s at most")
        self.settle()
        self.assert_exact(count=100_000)

    def test_the_same_instance_comes_back_after_a_kill(self) -> None:
        """A stable --instance-id fences what its dead predecessor has left open, at once."""
        self.create_topics()
        producer = self.start_produce("--rate", RATE, "--seed", "13")
        one = self.aggregate("--instance-id", "a", "--commit-interval", "10ms")
        for _ in range(3):
            wait_for(lambda: self.owner_of_something([one]), 30, "it has work")
            pause(0.7)
            one.kill()
            one = self.aggregate("--instance-id", "a", "--commit-interval", "10ms")
        producer.terminate(15)
        self.settle(60, "--instance-id", "b")
        self.assert_exact()
        one.terminate()
