"""Groups of KIP-848, of whose heartbeats the responses get lost.

The coordinator gives a new assignment in one response and takes it for known. A member that lost it
has to send all its fields before it is told again; one that only goes on keeps its partitions until
max.poll.interval.ms is over, and meanwhile the group stands still. (A run of the chaos did, for
five minutes: scripts/librdkafka/lost-heartbeat.patch.)
"""

from __future__ import annotations

from harness import proxy
from harness.case import IntegrationTest, assigned, wait_for
from harness.proxy import CONSUMER_GROUP_HEARTBEAT, Rule

PARALLEL = True

STAGES = ("map", "totals")
PARTITIONS = 6  # of what create-topics makes
OF_KIP_848 = ("--group-protocol", "consumer")


class LostHeartbeat(IntegrationTest):
    SECONDS = 60

    def test_an_assignment_that_was_lost_is_given_again(self) -> None:
        through = proxy.shared()
        self.create_topics()
        self.produce(20_000)
        first = self.start(
            "aggregate", *self.names(), "-b", proxy.BROKERS, *OF_KIP_848, name="first"
        )
        for stage in STAGES:
            wait_for(
                lambda s=stage: len(assigned(first)[s]) == PARTITIONS, 60, f"one has all of {stage}"
            )

        def heartbeats(verb: str, count: int) -> dict[str, Rule]:
            """A rule for responses to the first one, whose requests alone pass the proxy."""
            return {
                stage: through.add(Rule(
                    verb, CONSUMER_GROUP_HEARTBEAT, response=True, count=count,
                    client=f"{self.application}-{stage}-"))
                for stage in STAGES
            }  # fmt: skip

        # The first one may still have an assignment in it, then the second one has none.
        plain = heartbeats("delay", 2)
        for stage, rule in plain.items():
            wait_for(lambda r=rule: len(r.hits) == 2, 60, f"heartbeats of {stage} are answered")
        lost = heartbeats("hold", 10_000)
        for rule in lost.values():
            self.addCleanup(through.release, rule)
        second = self.start("aggregate", *self.names(), *OF_KIP_848, name="second")
        for stage, rule in lost.items():
            # With an assignment in it, a response is larger. It is lost when the next heartbeat has
            # been answered without it having come.
            usual = min(hit.size for hit in plain[stage].hits)
            wait_for(
                lambda r=rule, u=usual: any(hit.size > u for hit in r.hits[:-1]),
                60, f"a new assignment of {stage} is lost",
            )  # fmt: skip
        for rule in lost.values():
            through.release(rule)
        for stage in STAGES:
            wait_for(lambda s=stage: assigned(second)[s], 60, f"the second one has some of {stage}")
        for worker in (first, second):
            worker.terminate()
        self.start("aggregate", *self.names(), *OF_KIP_848, "--until", "end").expect(0, 90)
        self.assert_exact(count=20_000)
