"""Who has stopped is no member of its groups any more, whatever the groups were doing."""

from __future__ import annotations

import random

from harness import cluster
from harness.case import GROUP_PROTOCOL, IntegrationTest, pause, wait_for

PARALLEL = True

STAGES = ("map", "totals")
# From the end of a process to the groups without it, as a slow machine has it: well before the
# session of one that has not left is over.
GONE_SECONDS = 4.0
SESSION = ("--session-timeout", "10s") if GROUP_PROTOCOL == "classic" else ()


class Leave(IntegrationTest):
    def members(self, stage: str) -> int:
        return len(cluster.group_members(f"{self.application}-{stage}"))

    def expect_members(self, most: int) -> None:
        for stage in STAGES:
            wait_for(
                lambda s=stage: self.members(s) <= most,
                GONE_SECONDS,
                f"at most {most} members in group {self.application}-{stage}",
            )

    def dice(self) -> random.Random:
        seed = random.SystemRandom().randrange(10**6)
        self.note(f"seed {seed}")
        return random.Random(seed)

    def test_the_only_one(self) -> None:
        self.create_topics()
        one = self.replicas(1, *SESSION, "--workers", "2")[0]
        one.terminate()
        self.expect_members(0)
        self.settle()
        self.expect_members(0)

    def test_in_the_middle_of_a_rebalance(self) -> None:
        """One of two, and then the other, at any moment of what the second one's coming causes."""
        self.create_topics()
        self.produce(20_000)
        dice = self.dice()
        for _ in range(6):
            first = self.replicas(1, *SESSION)[0]
            second = self.aggregate(*SESSION, name="replica")
            wait_for(second.handles_sigterm, 10, "it handles SIGTERM", poll=0.002)
            pause(dice.uniform(0.0, 2.5))
            leaving, staying = dice.sample([first, second], 2)
            leaving.terminate()
            self.expect_members(1)
            staying.terminate()
            self.expect_members(0)
        self.settle()
        self.assert_exact(count=20_000)

    def test_all_at_once(self) -> None:
        self.create_topics()
        dice = self.dice()
        for _ in range(3):
            replicas = self.replicas(3, *SESSION)
            pause(dice.uniform(0.0, 1.0))
            for replica in replicas:
                replica.terminate_later()
            for replica in replicas:
                replica.expect(0, 5.0)
            self.expect_members(0)

    def test_while_the_group_waits_for_a_dead_member(self) -> None:
        """A coordinator reads nothing more from a connection whose JoinGroup it has not answered,
        and it does not before the dead member's session is over."""
        self.create_topics()
        session = ("--session-timeout", "25s")
        dead, other = self.replicas(2, *session)
        dead.kill()
        newcomer = self.aggregate(*session, name="replica")
        # It has asked to join; the other one has been told, and waits too.
        for stage in STAGES:
            wait_for(lambda s=stage: self.members(s) == 3, 15, "the newcomer is a member")
        pause(6)  # a heartbeat interval, which tells the other one
        for process in (other, newcomer):
            process.terminate_later()
        for process in (other, newcomer):
            process.expect(0, 5.0)
        self.expect_members(1)  # the dead one, for a while
