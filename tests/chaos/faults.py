"""The faults. Each returns its evidence, what shows that it has happened, or None: then it does not
count. What a fault has taken away it brings back itself, before it returns."""

from __future__ import annotations

import contextlib
import random
import re
import shutil
import signal
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import brokers
import packets
from harness import cluster, poison, proxy, records
from harness.case import assigned, pause, wait_for
from harness.process import Process
from harness.proxy import Proxy, Rule
from harness.records import Wanted
from reader import Reader, Recovery
from workers import FENCED, TWIN, Fleet

Evidence = dict[str, object] | None

BROKERS = (1, 2, 3)
LOST = re.compile(f"partitions lost|transaction not committed|commit did not end|{FENCED}")
# How long an effect is waited for, on a machine that has other things to do as well.
PATIENCE = 60.0
LONGEST_PARTITION = 150.0
SHORT_PATIENCE = 15.0
DISK_BYTES = 3 << 30
SPARE_BYTES = 1 << 20


class TooLate(Exception):
    """The run ends before this fault had its turn."""


@dataclass
class Scene:
    """What the faults act upon."""

    application: str
    source: str
    session: float
    fleet: Fleet
    reader: Reader
    proxy: Proxy | None
    disk: Path | None  # a broker's data on a file system of its own
    releases: tuple[Path, ...] = ()  # binaries that take turns
    apart: bool = False  # packets of single nodes can be dropped
    ending: threading.Event = field(default_factory=threading.Event)
    nodes: threading.Lock = field(default_factory=threading.Lock)
    producer: Process | None = None

    @contextlib.contextmanager
    def cluster(self) -> Iterator[None]:
        """One node of the cluster at a time: with two of three brokers away nothing can go on."""
        while not self.nodes.acquire(timeout=0.5):
            if self.ending.is_set():
                raise TooLate
        try:
            yield
        finally:
            self.nodes.release()


# ---- workers -------------------------------------------------------------------------------------


def wait_for_news(scene: Scene, recovery: Recovery) -> None:
    """After a worker's death. While one broker does not reach another, its transaction may have no
    end and its partitions no news (seed 787429160)."""
    wait_for(
        lambda: recovery.seconds is not None or scene.ending.is_set(),
        2 * PATIENCE + LONGEST_PARTITION,
        f"partitions {sorted(recovery.waiting)} have news after a worker's death",
    )


def worker_kill(scene: Scene, dice: random.Random) -> Evidence:
    """SIGKILL; a service manager starts it again. Ends when its partitions have news."""
    worker = scene.fleet.take(dice)
    restart_after = dice.uniform(0.1, 3.0)
    if worker is None:
        return None
    pause(dice.uniform(0.0, 0.5))  # at any moment of a commit
    pid = worker.process.pid
    killed = scene.fleet.kill(worker, restart_after)
    if killed is None:
        return None
    gone, partitions = killed
    recovery = scene.reader.begin(gone, partitions)
    wait_for_news(scene, recovery)
    return {"pid": pid, "partitions": sorted(partitions), "recovery": recovery.seconds}


def worker_stop(scene: Scene, dice: random.Random) -> Evidence:
    """SIGSTOP past the session timeout, some past the transaction's as well; then SIGCONT. It has
    to see that it has lost its partitions or its transaction."""
    worker = scene.fleet.take(dice)
    if worker is None:
        return None
    process = worker.process
    before = len(process.stderr)
    if not scene.fleet.send(worker, signal.SIGSTOP):
        return None
    try:
        pause(scene.session + dice.choice([1.0, 2.0, 3.0, 11.0]), scene.ending.is_set)
    finally:
        process.send(signal.SIGCONT)
    try:
        wait_for(
            lambda: LOST.search(process.stderr[before:]) or not process.is_running(),
            SHORT_PATIENCE,
            "a zombie sees it",
        )
    except AssertionError:
        return None  # nobody had missed it
    finally:
        scene.fleet.give_back(worker)
    found = LOST.search(process.stderr[before:])
    return {"pid": process.pid, "says": found[0]} if found else None


def compacted_restore(scene: Scene, dice: random.Random) -> Evidence:
    """A worker is killed, and while its partitions' next owners restore them, the brokers compact
    the logs that these read."""
    worker = scene.fleet.take(dice)
    if worker is None:
        return None
    killed = scene.fleet.kill(worker, dice.uniform(0.1, 3.0))
    if killed is None:
        return None
    gone, partitions = killed
    recovery = scene.reader.begin(gone, partitions)
    topic = f"{scene.application}-totals-changelog"
    try:
        wait_for(lambda: partitions <= scene.fleet.owned(), PATIENCE, "others have them")
    except AssertionError:
        return None  # the next fault has come before
    before = brokers.compacted(topic)
    wait_for_news(scene, recovery)
    after = brokers.compacted(topic)
    moved = {
        p: [before[p], after[p]]
        for p in sorted(partitions & before.keys() & after.keys()) if before[p] < after[p]
    }  # fmt: skip
    if recovery.seconds is None or not moved:
        return None
    return {"compacted": moved, "recovery": recovery.seconds}


def static_back(scene: Scene, dice: random.Random) -> Evidence:
    """A static member is killed and comes back within its session: it has what it had, and nobody
    else was given anything meanwhile."""
    worker = scene.fleet.take(dice, lambda w: bool(w.member))
    if worker is None:
        return None
    old = worker.process
    had, others = assigned(old), scene.fleet.changes(worker)
    if scene.fleet.kill(worker, dice.uniform(0.0, scene.session / 4)) is None:
        return None
    try:
        wait_for(
            lambda: worker.process is not old and assigned(worker.process) == had,
            PATIENCE,
            "it has its partitions again",
        )
    except AssertionError:
        return None  # it came too late, and others have some
    if scene.fleet.changes(worker) != others:
        return None
    return {"member": worker.member, "pids": [old.pid, worker.process.pid]}


def static_twin(scene: Scene, dice: random.Random) -> Evidence:
    """A second process comes as the same static member, and both read until one is refused; its
    service manager starts it again, and then it is the other's turn."""
    worker = scene.fleet.take(dice, lambda w: bool(w.member))
    if worker is None:
        return None
    first, twin = worker.process, scene.fleet.twin(worker)
    scene.fleet.give_back(worker)
    try:
        wait_for(
            lambda: scene.ending.is_set() or not (first.is_running() and twin.is_running()),
            PATIENCE,
            "one of them is refused",
        )
        pause(dice.uniform(0.0, scene.session), scene.ending.is_set)
    except AssertionError:
        return None
    finally:
        twin.discard()
    refused = [each.pid for each in (first, twin) if TWIN in each.stderr]
    return {"member": worker.member, "refused": refused} if refused else None


def worker_replaced(scene: Scene, dice: random.Random) -> Evidence:
    """Of the last release and this one by the other: stopped in good order or killed, one worker
    after the other, until all are of one; then back."""
    if not all(w.process.is_running() for w in scene.fleet.workers):
        return None
    to = scene.fleet.next_release(scene.releases)
    worker = scene.fleet.take(dice, lambda w: w.binary != to)
    if worker is None:
        return None
    old, worker.binary = worker.process, to
    in_order = dice.random() < 0.5
    if not (scene.fleet.stop(worker) if in_order else scene.fleet.kill(worker, 0.0)):
        return None
    try:
        wait_for(
            lambda: worker.process is not old and all(assigned(worker.process).values()),
            PATIENCE,
            "it has partitions of both stages",
        )
        runs = Path(f"/proc/{worker.process.pid}/exe").resolve()
    except (AssertionError, OSError):
        return None  # killed meanwhile
    others = sorted({w.binary.parents[3].name for w in scene.fleet.workers if w is not worker})
    if runs != to:
        return None
    return {"in_order": in_order, "to": str(to), "beside": others}


# ---- nodes of the cluster ------------------------------------------------------------------------


def broker_kill(scene: Scene, dice: random.Random) -> Evidence:
    number = dice.choice(BROKERS)
    with scene.cluster():
        led, pid = brokers.led_by(number), cluster.pid_of(f"broker-{number}")
        cluster.command("kill", f"broker-{number}")
        wait_for(lambda: brokers.led_by(number) == 0, PATIENCE, "others lead its partitions")
        pause(dice.uniform(0.0, 6.0), scene.ending.is_set)
        bring_back(f"broker-{number}")
    return {"pid": pid, "leaders_moved": led} if led else None


def bring_back(node: str) -> None:
    """Until all replicas are in sync again: the next fault may take another one."""
    cluster.bring_back(node)
    wait_for(in_sync, 2 * PATIENCE, "all replicas are in sync", poll=0.5)


def in_sync() -> bool:
    return all(
        at_work >= 0 and len(isr) == len(replicas)
        for found in brokers.partitions().values()
        for _, at_work, replicas, isr in found
    )


def rolling_restart(scene: Scene, dice: random.Random) -> Evidence:
    """Each broker stopped and started in good order."""
    with scene.cluster():
        before = [cluster.pid_of(f"broker-{n}") for n in BROKERS]
        for number in dice.sample(BROKERS, 3):
            cluster.command("stop", f"broker-{number}")
            bring_back(f"broker-{number}")
        after = [cluster.pid_of(f"broker-{n}") for n in BROKERS]
    return {"pids": before, "then": after} if not set(before) & set(after) else None


def controller_kill(scene: Scene, dice: random.Random) -> Evidence:
    with scene.cluster():
        old = wait_for(lambda: max(0, brokers.quorum_leader()), PATIENCE, "the quorum has a leader")
        node = f"controller-{old - 100}"
        pid = cluster.pid_of(node)
        cluster.command("kill", node)
        new = wait_for(
            lambda: (found := brokers.quorum_leader()) not in (-1, old) and found,
            PATIENCE,
            "the quorum has another leader",
        )
        pause(dice.uniform(0.0, 3.0), scene.ending.is_set)
        cluster.bring_back(node)
    return {"pid": pid, "leader": [old, new]}


def _coordinator_moves(scene: Scene, dice: random.Random, topic: str, name: str) -> Evidence:
    number = cluster.coordinating_partition(name, topic)
    with scene.cluster():
        old = brokers.leader(topic, number)
        new = dice.choice([n for n in BROKERS if n != old])
        brokers.move_leader(topic, number, new)
    return {"of": name, "partition": number, "leader": [old, new]} if old != new else None


def group_coordinator(scene: Scene, dice: random.Random) -> Evidence:
    name = f"{scene.application}-{dice.choice(['map', 'totals'])}"
    return _coordinator_moves(scene, dice, "__consumer_offsets", name)


def transaction_coordinator(scene: Scene, dice: random.Random) -> Evidence:
    worker = dice.choice([w for w in scene.fleet.workers if w.instance])
    name = dice.choice(worker.transactional_ids(scene.application))
    return _coordinator_moves(scene, dice, "__transaction_state", name)


def disk_full(scene: Scene, dice: random.Random) -> Evidence:
    """The file system of one broker's data shrinks to what is used: the broker ends itself."""
    if scene.disk is None:
        return None
    node = scene.disk.parent.name
    with scene.cluster():
        pid = cluster.pid_of(node)
        used = shutil.disk_usage(scene.disk).used
        remount(scene.disk, used + SPARE_BYTES)
        try:
            wait_for(lambda: not Path(f"/proc/{pid}").exists(), SHORT_PATIENCE, "it has ended")
            log = (scene.disk.parent / "server.log").read_text(errors="replace")
            evidence = {"pid": pid, "used": used} if "No space left on device" in log else None
        except AssertionError:
            evidence = None
        remount(scene.disk, DISK_BYTES)
        bring_back(node)
    return evidence


def remount(path: Path, size: int) -> None:
    subprocess.run(["mount", "-o", f"remount,size={size}", str(path)], check=True)


# ---- the network among the nodes -----------------------------------------------------------------


def partition(scene: Scene, dice: random.Random) -> Evidence:
    """Nothing that one broker sends to another arrives, some times in the other direction neither;
    for seconds or minutes. One of them has to have put the other out of the replicas in sync."""
    sender, receiver = pair = dice.sample(BROKERS, 2)
    one_way = dice.random() < 0.7
    seconds = dice.uniform(90, LONGEST_PARTITION) if dice.random() < 0.4 else dice.uniform(15, 30)
    if not scene.apart:
        return None

    def out_of_sync() -> int:
        """Partitions that one leads, and the other follows too far behind."""
        return sum(
            at_work in pair and set(pair) - {at_work} <= set(replicas) - set(isr)
            for found in brokers.partitions().values()
            for _, at_work, replicas, isr in found
        )

    with scene.cluster():
        with contextlib.ExitStack() as stack:
            stack.enter_context(packets.broker_to_broker(sender, receiver))
            if not one_way:
                stack.enter_context(packets.broker_to_broker(receiver, sender))
            began = time.monotonic()
            try:
                out = wait_for(out_of_sync, PATIENCE, "replicas are out of sync")
            except AssertionError:
                out = 0
            pause(seconds + began - time.monotonic(), scene.ending.is_set)
            lasted = time.monotonic() - began
        wait_for(in_sync, 2 * PATIENCE, "all replicas are in sync", poll=0.5)
    if not out:
        return None
    return {"from": sender, "to": receiver, "one_way": one_way, "seconds": round(lasted, 1),
            "out_of_sync": out}  # fmt: skip


def broker_unheard(scene: Scene, dice: random.Random) -> Evidence:
    """Nothing that a broker sends to the controllers arrives: others lead what it led, and for some
    time it takes itself for their leader."""
    number = dice.choice(BROKERS)
    seconds = dice.uniform(0.0, 20.0)
    if not scene.apart:
        return None
    with scene.cluster():
        led, pid = brokers.led_by(number), cluster.pid_of(f"broker-{number}")
        with packets.broker_to_controllers(number):
            others = [a for n, a in zip(BROKERS, brokers.ADDRESSES, strict=True) if n != number]
            wait_for(lambda: brokers.led_by(number, others) == 0, PATIENCE, "others lead")
            still = brokers.led_by(number, [brokers.ADDRESSES[number - 1]])
            pause(seconds, scene.ending.is_set)
        wait_for(in_sync, 2 * PATIENCE, "all replicas are in sync", poll=0.5)
        alive = cluster.pid_of(f"broker-{number}") == pid
    if not (led and still and alive):
        return None
    return {"broker": number, "leaders_moved": led, "by_itself_still": still}


# ---- the network to the clients ------------------------------------------------------------------

LOOP_CLIENTS = r"(map|totals)-0-(producer|consumer)"
FRAMES = (
    proxy.PRODUCE, proxy.ADD_PARTITIONS, proxy.ADD_OFFSETS, proxy.TXN_OFFSET_COMMIT, proxy.END_TXN,
    proxy.INIT_PRODUCER_ID, proxy.FETCH, proxy.OFFSET_FETCH, proxy.JOIN_GROUP, proxy.SYNC_GROUP,
    proxy.HEARTBEAT,
)  # fmt: skip


def network(scene: Scene, dice: random.Random) -> Evidence:
    """A few frames of one kind are late, or lost with their connection."""
    assert scene.proxy
    verb = dice.choice(["delay", "delay", "hold", "blackhole", "cut"])
    rule = Rule(
        verb,
        dice.choice(FRAMES),
        response=dice.random() < 0.5,
        client=LOOP_CLIENTS,
        count=dice.randint(1, 3),
        seconds=dice.uniform(0.1, 3.0),
    )
    held = dice.uniform(0.5, 7.0)
    scene.proxy.add(rule)
    try:
        wait_for(lambda: rule.hits, SHORT_PATIENCE, "such a frame comes by")
        if verb in ("hold", "blackhole"):
            pause(held, scene.ending.is_set)
    except AssertionError:
        return None
    finally:
        scene.proxy.release(rule)
    return {
        "verb": verb,
        "api": proxy.NAMES[rule.api],
        "direction": "response" if rule.response else "request",
        "frames": len(rule.hits),
    }


def late_commit(scene: Scene, dice: random.Random) -> Evidence:
    """An EndTxn request is held until its client has given it up and has gone on, and arrives in
    the middle of something later (KAFKA-17754)."""
    assert scene.proxy
    through = scene.proxy
    rule = through.add(Rule("hold", proxy.END_TXN, client=LOOP_CLIENTS))
    try:
        wait_for(lambda: rule.hits, SHORT_PATIENCE, "an EndTxn comes by")
        late = rule.hits[0]
        wait_for(
            lambda: through.seen(
                lambda f: f.transactional_id == late.transactional_id
                and f.at > late.at
                and f.api == proxy.INIT_PRODUCER_ID
                and f.error == 0
            ),
            SHORT_PATIENCE,
            "its producer has a new epoch",
        )
        pause(dice.uniform(0.0, 0.4))
    except AssertionError:
        return None  # its worker was killed, say
    finally:
        through.release(rule)
    try:
        wait_for(lambda: late.answered, SHORT_PATIENCE, "the broker answers it")
    except AssertionError:
        return None
    assert late.error != 0, f"the broker takes a late commit of {late.transactional_id}"
    return {
        "of": late.transactional_id,
        "seconds": round((late.answered or late.at) - late.at, 3),
        "error": late.error,
    }


# ---- records -------------------------------------------------------------------------------------


def poison_records(scene: Scene, dice: random.Random) -> Evidence:
    """Bad records for each reason there is, among the others; the checker finds their letters."""
    poison.write_all(scene.source)
    return {"records": sum(map(len, poison.BAD.values()))}


# ---- event time ----------------------------------------------------------------------------------

TIME = re.compile(rb'("hora_transacao": )([0-9]+)')


def moved(record: Wanted, seconds: int) -> Wanted:
    """It happened so much later, or earlier."""
    assert record.value is not None
    value = TIME.sub(lambda time: b"%s%d" % (time[1], int(time[2]) + seconds), record.value)
    return Wanted(value, record.key)


def newest(scene: Scene, partition: int, count: int = 1) -> list[Wanted]:
    """Of the producer's records: what was written beside them may have no time."""
    found = records.read_newest(scene.source, partition, count + 200)
    return [one for one in found if one.value and TIME.search(one.value)][-count:]


def copies(scene: Scene, dice: random.Random) -> Evidence:
    """Records come once more, as of a producer that is not idempotent; and a flood of late ones,
    with the same ids."""
    written = 0
    for partition in dice.sample(range(6), dice.randrange(1, 4)):
        once = newest(scene, partition, dice.choice([1, 50, 300]))
        again = [*once, *(moved(one, -dice.randrange(30, 600)) for one in once)]
        if again:
            records.write(scene.source, partition, again)
            written += len(again)
    return {"records": written} if written else None


def clock_ahead(scene: Scene, dice: random.Random) -> Evidence:
    """A record is ahead of its time: what comes after it in its partition is late."""
    partition = dice.randrange(6)
    last = newest(scene, partition)
    if not last:
        return None
    by = dice.choice([5, 15, 40])
    return {"partition": partition, "by": by,
            "offset": records.write(scene.source, partition, [moved(last[0], by)])}  # fmt: skip


def silent_partitions(scene: Scene, dice: random.Random) -> Evidence:
    """The producer stands still for a while, and others write on to some of its partitions, at the
    pace of time."""
    assert scene.producer is not None
    last = {p: newest(scene, p) for p in dice.sample(range(6), dice.randrange(1, 4))}
    seconds = dice.uniform(3.0, 9.0)
    scene.producer.send(signal.SIGSTOP)
    try:
        until = time.monotonic() + seconds
        later = 0
        while time.monotonic() < until and not scene.ending.is_set():
            later += 1
            for partition, found in last.items():
                if found:
                    records.write(scene.source, partition, [moved(found[0], later)])
            pause(1.0, scene.ending.is_set)
    finally:
        scene.producer.send(signal.SIGCONT)
    return {"but": sorted(last), "seconds": round(seconds, 1)} if any(last.values()) else None


def source_enlarged(scene: Scene, dice: random.Random) -> Evidence:
    """The source gets one more partition, three times at most: jobs with windows let it join."""
    there = len(brokers.partitions()[scene.source])
    if there > 8:
        return None
    brokers.add_partitions(scene.source, there + 1)
    return {"partitions": there + 1}


Fault = Callable[[Scene, random.Random], Evidence]
KINDS: dict[str, Fault] = {
    each.__name__: each
    for each in (
        worker_kill, worker_stop, broker_kill, rolling_restart, controller_kill, group_coordinator,
        transaction_coordinator, disk_full, network, late_commit, poison_records, partition,
        broker_unheard, compacted_restore, static_back, static_twin, worker_replaced, copies,
        clock_ahead, silent_partitions, source_enlarged,
    )
}  # fmt: skip
