"""Brokers keep to tests/sim/data/cluster_contract.txt, as the simulator's model of them does
(tests/sim/cluster_contract_test.cpp). What stands in that file is explained there."""

from __future__ import annotations

import time
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field

from harness import requests
from harness.case import IntegrationTest, wait_for
from harness.cluster import ROOT
from harness.requests import (
    EARLIEST,
    LATEST,
    NO_ERROR,
    READ_COMMITTED,
    READ_UNCOMMITTED,
    WAITED_OUT,
    Client,
    Joined,
    Member,
    Producer,
)

PARALLEL = True

CONTRACT = ROOT / "tests" / "sim" / "data" / "cluster_contract.txt"
AT_ONCE = 4  # cases; they wait for brokers most of their time
PATIENCE_SECONDS = 30.0
# Nobody is dropped and nothing times out, unless the case is about that. It could be shorter, but
# the steps before have to come in time on a busy machine as well.
SHORT_MS, LONG_MS = 6_000, 300_000
LEVELS = {"read_committed": READ_COMMITTED, "read_uncommitted": READ_UNCOMMITTED}


@dataclass(frozen=True)
class Step:
    line: int
    words: list[str]
    expected: list[str]


@dataclass(frozen=True)
class Case:
    name: str
    steps: list[Step] = field(default_factory=list)

    def has(self, verb: str, *arguments: str) -> bool:
        start = [verb, *arguments]
        return any(step.words[: len(start)] == start for step in self.steps)


def read_contract(text: str) -> list[Case]:
    cases: list[Case] = []
    for number, line in enumerate(text.splitlines(), 1):
        words = line.split()
        if not words or words[0].startswith("#"):
            continue
        if words[0] == "case":
            cases.append(Case(line.split(maxsplit=1)[1]))
            continue
        expected = [NO_ERROR]
        if "->" in words:
            arrow = words.index("->")
            expected = [word for word in words[arrow + 1 :] if word != "|"]
            words = words[:arrow]
        if not cases or not words or not expected:
            raise ValueError(f"line {number} is no step of a case: {line}")
        cases[-1].steps.append(Step(number, words, expected))
    return cases


class Run:
    """One case at the brokers."""

    def __init__(self, case: Case, topic: str, partition: int) -> None:
        self._case = case
        self._names = f"{topic}-{partition}"  # nobody else's
        self._client = Client(topic, partition, self._names)
        self._session_ms = SHORT_MS if case.has("silent") else LONG_MS
        self._producers: dict[str, Producer] = {}
        self._members: dict[str, Member] = {}
        self._joining: dict[str, Future[Joined]] = {}
        self._threads = ThreadPoolExecutor()

    def differences(self) -> list[str]:
        """The steps that were answered otherwise; what comes behind the first means little."""
        found = []
        try:
            for step in self._case.steps:
                got = self._answer_of(step)
                if got not in step.expected:
                    found.append(
                        f"{self._case.name}: line {step.line}, {' '.join(step.words)}: "
                        f"{' or '.join(step.expected)} expected, the brokers answer {got}"
                    )
        finally:
            self._client.close()
            self._threads.shutdown(wait=False, cancel_futures=True)
        return found

    def _answer_of(self, step: Step) -> str:
        """Once what a client waits out has been waited out."""
        deadline = time.monotonic() + PATIENCE_SECONDS
        while True:
            got = self._answer(*step.words)
            if got in step.expected or got not in WAITED_OUT or time.monotonic() > deadline:
                return got
            time.sleep(0.02)

    def _answer(self, verb: str, *arguments: str) -> str:
        of_log: dict[str, Callable[..., str]] = {
            "append": lambda: self._client.produce(None, -1),
            "visible": self._visible,
            "read": lambda offset: self._client.fetch(int(offset))[0],
            "end-offset": lambda level: self._offset(LATEST, LEVELS[level]),
            "log-start": lambda: self._offset(EARLIEST, READ_UNCOMMITTED),
            "delete-below": lambda before: self._client.delete_records(int(before)),
            "committed": self._committed,
            "ended": self._ended,
            "init": self._init,
            "join": self._join,
            "joining": self._begin_to_join,
            "silent": self._silent,
        }
        of_producer: dict[str, Callable[..., str]] = {
            "epoch": lambda producer: str(producer.epoch),
            "add": self._client.add_partition,
            "produce": lambda producer, n: self._client.produce(producer, int(n)),
            "write": self._write,
            "add-offsets": self._client.add_offsets,
            "commit-offsets": self._commit_offsets,
            "offsets": self._offsets,
            "end": lambda producer, verdict: self._client.end(producer, verdict == "commit"),
            "time-out": self._time_out,
        }
        of_member = {"heartbeat": self._client.heartbeat, "leave": self._client.leave}
        if verb in of_log:
            return of_log[verb](*arguments)
        if verb in of_member:
            return of_member[verb](self._named(*arguments))
        return of_producer[verb](self._producers[arguments[0]], *arguments[1:])

    # ---- transactions

    def _init(self, name: str, _of: str = "", other: str = "") -> str:
        known = self._producers.get(other)
        transactional_id = known.transactional_id if known else f"{self._names}-{name}"
        timeout_ms = SHORT_MS if self._case.has("time-out", name) else LONG_MS
        error, producer = self._client.init(transactional_id, timeout_ms)
        if error == NO_ERROR:
            self._producers[name] = producer
        return error

    def _write(self, producer: Producer, sequence: str) -> str:
        added = self._client.add_partition(producer)
        return added if added != NO_ERROR else self._client.produce(producer, int(sequence))

    def _states(self) -> set[str]:
        names = {producer.transactional_id for producer in self._producers.values()}
        return {self._client.transaction_state(name) for name in names}

    def _ended(self) -> str:
        def ended() -> bool:
            return not any(state.startswith("Prepare") for state in self._states())

        wait_for(ended, PATIENCE_SECONDS, f"the markers of {self._names} are written")
        return NO_ERROR

    def _time_out(self, producer: Producer) -> str:
        wait_for(
            lambda: self._client.transaction_state(producer.transactional_id) == "CompleteAbort",
            PATIENCE_SECONDS,
            f"the transaction of {producer.transactional_id} times out",
        )
        return NO_ERROR

    def _offsets(self, producer: Producer, *arguments: str) -> str:
        added = self._client.add_offsets(producer)
        return added if added != NO_ERROR else self._commit_offsets(producer, *arguments)

    def _commit_offsets(
        self, producer: Producer, name: str, offset: str, outdated: str = ""
    ) -> str:
        member = Member() if name == "nobody" else self._named(name, outdated)
        return self._client.commit_offset(producer, member, int(offset))

    # ---- the log and the offsets

    def _offset(self, timestamp: int, isolation: int) -> str:
        error, offset = self._client.list_offset(timestamp, isolation)
        return str(offset) if error == NO_ERROR else error

    def _visible(self) -> str:
        error, position = self._client.list_offset(EARLIEST, READ_COMMITTED)
        count, before = 0, -1
        while error == NO_ERROR and position != before:
            before = position
            error, more, position = self._client.fetch(position)
            count += more
        return str(count) if error == NO_ERROR else error

    def _committed(self) -> str:
        error, offset = self._client.committed()
        if error != NO_ERROR:
            return error
        return "none" if offset < 0 else str(offset)

    # ---- the group

    def _named(self, name: str, outdated: str = "") -> Member:
        known = self._members.get(name, Member(id=name, generation=1))
        return Member(known.instance, known.id, known.generation - bool(outdated))

    def _member(self, name: str, instance: str) -> Member:
        return self._members.setdefault(name, Member(instance or None))

    def _join(self, name: str, _as: str = "", instance: str = "") -> str:
        """With this one all have joined: those that wait are answered as well."""
        member = self._member(name, instance)
        joined = {name: self._client.join(member, self._session_ms)}
        if joined[name].error != NO_ERROR:
            return joined[name].error
        for other, answer in self._joining.items():
            joined[other] = answer.result(PATIENCE_SECONDS)
        self._joining.clear()
        # The others are answered when the leader has said what they get.
        for other in sorted(joined, key=lambda n: self._members[n].id != joined[n].leader):
            error = joined[other].error
            if error == NO_ERROR:
                error = self._client.sync(self._members[other], joined[other])
            if error != NO_ERROR:
                return error
        return NO_ERROR

    def _begin_to_join(self, name: str) -> str:
        member = self._member(name, "")
        self._joining[name] = self._threads.submit(self._client.join, member, self._session_ms)
        self._wait_for_group("PreparingRebalance")
        return NO_ERROR

    def _silent(self, _name: str) -> str:
        self._wait_for_group("Empty")
        return NO_ERROR

    def _wait_for_group(self, state: str) -> None:
        wait_for(
            lambda: self._client.group_state() == state,
            PATIENCE_SECONDS,
            f"group {self._names} is {state}",
        )


class Contract(IntegrationTest):
    SECONDS = 15

    def topics(self) -> list[str]:
        return [self.results]

    def run_cases(self, cases: list[Case]) -> list[str]:
        """Each in a partition of its own."""
        requests.create_topic(self.results, len(cases))
        runs = [Run(case, self.results, number) for number, case in enumerate(cases)]
        with ThreadPoolExecutor(AT_ONCE) as threads:
            answers = [threads.submit(run.differences) for run in runs]
        found = []
        for case, answer in zip(cases, answers):
            problem = answer.exception()
            found += [f"{case.name}: {problem!r}"] if problem else answer.result()
        return found

    def test_brokers_answer_as_the_model_does(self) -> None:
        cases = read_contract(CONTRACT.read_text())
        # The long ones first: the others fit in beside them.
        cases.sort(key=lambda case: not (case.has("time-out") or case.has("silent")))
        self.assertGreater(len(cases), 30)
        self.assertTrue(all(case.steps for case in cases))
        self.note(f"{len(cases)} cases, {sum(len(case.steps) for case in cases)} steps")
        found = self.run_cases(cases)
        self.assertFalse(found, "\n".join([f"not as {CONTRACT.name} has it:", *found]))

    def test_what_brokers_answer_otherwise_is_told_with_its_line(self) -> None:
        text = "# so\ncase wrong\n  init a -> 1 | 2\n  epoch a -> 0 | 1\n"
        self.assertEqual(
            self.run_cases(read_contract(text)),
            ["wrong: line 3, init a: 1 or 2 expected, the brokers answer NO_ERROR"],
        )
