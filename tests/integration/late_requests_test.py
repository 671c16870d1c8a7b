"""Requests of a transaction that arrive when it is too late for them.

An EndTxn must not end a later transaction (KAFKA-17754), a TxnOffsetCommit must not commit what
another member has been given (KIP-447).
"""

from __future__ import annotations

import signal

from harness import proxy
from harness.case import SESSION_SECONDS, IntegrationTest, assigned, membership, wait_for
from harness.process import Process
from harness.proxy import ADD_OFFSETS, END_TXN, PRODUCE, TXN_OFFSET_COMMIT, Frame, Rule

PARALLEL = True

REFUSED = {47, 90}  # INVALID_PRODUCER_EPOCH, PRODUCER_FENCED
NOT_A_MEMBER = {22, 25}  # ILLEGAL_GENERATION, UNKNOWN_MEMBER_ID


class LateRequests(IntegrationTest):
    SECONDS = 20

    def worker(self, brokers: str, *options: str, instance: str = "a") -> Process:
        """Another of the same instance id fences what the first has left open."""
        return self.start(
            "aggregate", *self.names(), "-b", brokers, "--instance-id", instance,
            *membership(), *options,
        )  # fmt: skip

    def hold_a_commit(self, stage: str) -> None:
        """The request is held on its way until the client has committed by another connection and
        has written the next transaction, of which nothing else is committed yet. Then it arrives,
        and the worker dies. Would it end that transaction, its records would stay without their
        offsets."""
        through = proxy.shared()
        name = f"{self.application}-{stage}-a-0"
        self.create_topics()
        producer = self.start_produce("--rate", "5000", "--seed", "15")
        worker = self.worker(proxy.BROKERS, "-X", "socket.timeout.ms=1500")

        def seen(api: int, since: float) -> Frame | None:
            return through.seen(
                lambda f: f.api == api and f.transactional_id == name and f.at > since
                and f.answered is not None
            )  # fmt: skip

        wait_for(lambda: seen(END_TXN, 0.0), 60, f"{name} commits")
        held = through.add(Rule("hold", END_TXN, transactional_id=name))
        self.addCleanup(through.release, held)
        wait_for(lambda: held.hits, 30, "a commit is held")
        late = held.hits[0]
        next_one = through.add(Rule("hold", ADD_OFFSETS, transactional_id=name))
        self.addCleanup(through.release, next_one)
        again = wait_for(lambda: seen(END_TXN, late.at), 30, "the client commits once more")
        wait_for(lambda: next_one.hits, 30, "the next transaction gets its offsets")
        wait_for(lambda: seen(PRODUCE, again.at), 30, "the next transaction has records")
        self.assertIsNone(late.answered)
        through.release(held)
        wait_for(lambda: late.answered, 30, "the broker answers the commit that came late")
        worker.kill()

        producer.terminate(15)
        self.worker("localhost:29092", "--until", "end").expect(0, 90)
        self.assert_exact()
        self.assertIn(late.error, REFUSED, "the broker takes the commit for a newer transaction's")
        self.note(f"{(late.answered or 0) - late.at:.1f} s late, error {late.error}")

    def test_a_late_commit_of_the_map_loop(self) -> None:
        self.hold_a_commit("map")

    def test_a_late_commit_of_the_totals_loop(self) -> None:
        self.hold_a_commit("totals")

    def test_offsets_that_come_after_their_generation(self) -> None:
        """A member stops in the middle of a commit, and its offsets arrive when all it had is
        another's. That one has a transactional id of its own and fences nothing: only the
        generation keeps them out."""
        through = proxy.shared()
        name = f"{self.application}-map-a-0"
        self.create_topics()
        producer = self.start_produce("--rate", "5000", "--seed", "16")
        other = self.worker("localhost:29092", instance="b")
        stopped = self.worker(proxy.BROKERS)
        wait_for(lambda: assigned(stopped).get("map"), 30, "it has partitions")
        held = through.add(Rule("hold", TXN_OFFSET_COMMIT, transactional_id=name))
        self.addCleanup(through.release, held)
        late = wait_for(lambda: held.hits, 30, "its offsets are held")[0]
        stopped.send(signal.SIGSTOP)
        wait_for(
            lambda: assigned(other).get("map") == set(range(6)),
            SESSION_SECONDS + 30,
            "the other one has all partitions",
        )
        self.assertIsNone(late.answered)
        through.release(held)
        wait_for(lambda: late.answered, 30, "the broker answers the offsets that came late")
        stopped.send(signal.SIGCONT)

        producer.terminate(15)
        self.settle()
        self.assert_exact()
        self.assertIn(late.error, NOT_A_MEMBER, "the broker takes offsets of a past generation")
        for worker in (stopped, other):
            worker.terminate()
        self.note(f"{(late.answered or 0) - late.at:.1f} s late, error {late.error}")
