"""Which faults a run has, how often, and what it has them with."""

from __future__ import annotations

import dataclasses
import random
from dataclasses import dataclass

import jobs

SELLERS = 60  # so that every state partition has news all the time
# Partition by partition more than fit into a cache (KeyTable::kCellsInCache), where keys are looked
# up together; and few enough records for the one who checks each of them.
MANY_SELLERS, MANY_BACKLOG, MANY_RATE = 250_000, 400_000, 3_000
# Compacted about once a second, down to the last record of each key and without a trace of what was
# aborted; a tombstone or a marker is there for a moment only.
COMPACTION = ("segment.ms=1000", "min.cleanable.dirty.ratio=0.001", "delete.retention.ms=100")
COMPACTED = tuple(f"{role}.{key}" for role in ("changelog", "results") for key in COMPACTION)
# PostgreSQL takes its time with each record.
STATEMENT_RATE = 2_000
# Of three applications: what two cores bear beside six JVMs, when sessions are two seconds.
WINDOWS_RATE = 1_000
CLEANER = "log.cleaner.backoff.ms=300"
# Sooner than Kafka's 30 s, for a run is short.
LAG = "replica.lag.time.max.ms=5000"


@dataclass(frozen=True)
class Profile:
    """Every `gap` seconds each of the faults begins with its probability, but now and then none."""

    kinds: dict[str, float]
    gap: tuple[float, float] = (5.0, 15.0)
    quiet: float = 0.25
    at_once: int = 1  # of one kind
    proxied: bool = False
    workers: int = 4  # of all applications
    rate: int = 10_000  # records a second, at most
    drawn: bool = False  # what follows is, by the seed
    apart: bool = False  # packets between single nodes can be dropped
    many_keys: bool = False
    compacted: bool = False
    static: bool = False
    applications: int = 1  # on one source
    protocol: str = "classic"
    upgrade: bool = False  # from the last release's binary and back
    statements: tuple[str, ...] = ()  # of its applications; PostgreSQL judges them
    windows: bool = False  # the statements have event time, and some records come late
    certain: tuple[str, ...] = ()  # faults without which the run has shown nothing

    def properties(self) -> str:
        """Of the brokers."""
        return " ".join([*([CLEANER] if self.compacted else []), *([LAG] if self.apart else [])])

    def sellers(self) -> int:
        return MANY_SELLERS if self.many_keys else SELLERS


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
    "partitions": Profile(
        {"partition": 0.8, "broker_unheard": 0.4, "worker_kill": 0.2}, gap=(2.0, 6.0), quiet=0.0,
        apart=True, certain=("partition",),
    ),
    "compaction": Profile(
        {"compacted_restore": 0.9, "worker_kill": 0.3}, gap=(2.0, 6.0), quiet=0.0, rate=MANY_RATE,
        many_keys=True, compacted=True, certain=("compacted_restore",),
    ),
    "static": Profile(
        {"static_back": 0.6, "static_twin": 0.4, "worker_kill": 0.2, "group_coordinator": 0.1},
        gap=(2.0, 6.0), quiet=0.0, static=True, certain=("static_back", "static_twin"),
    ),
    "applications": Profile(
        {"worker_kill": 0.8, "worker_stop": 0.4, "broker_kill": 0.1,
         "transaction_coordinator": 0.2, "late_commit": 0.2},
        gap=(2.0, 6.0), quiet=0.0, at_once=2, proxied=True, applications=2,
        certain=("worker_kill",),
    ),
    "statements": Profile(
        {"worker_kill": 0.8, "worker_stop": 0.3, "broker_kill": 0.1, "late_commit": 0.3,
         "transaction_coordinator": 0.1, "poison_records": 0.3},
        gap=(2.0, 6.0), quiet=0.0, at_once=2, proxied=True, rate=STATEMENT_RATE,
        applications=len(jobs.STATEMENTS), statements=jobs.STATEMENTS, certain=("worker_kill",),
    ),
    "windows": Profile(
        {"worker_kill": 0.8, "worker_stop": 0.2, "broker_kill": 0.05,
         "transaction_coordinator": 0.1, "copies": 0.3, "clock_ahead": 0.2,
         "silent_partitions": 0.3, "source_enlarged": 0.05, "poison_records": 0.1},
        gap=(4.0, 10.0), quiet=0.0, workers=6, rate=WINDOWS_RATE,
        applications=len(jobs.WINDOWS), statements=jobs.WINDOWS, windows=True,
        certain=("worker_kill", "copies", "clock_ahead", "silent_partitions"),
    ),
    "midnight": Profile(
        {"worker_kill": 1.0, "worker_stop": 0.2}, gap=(1.0, 5.0), quiet=0.0, rate=MANY_RATE,
        many_keys=True, statements=jobs.MIDNIGHT, windows=True, certain=("worker_kill",),
    ),
    "protocol": Profile(
        {"worker_kill": 0.6, "worker_stop": 0.4, "broker_kill": 0.1, "group_coordinator": 0.2},
        gap=(2.0, 6.0), quiet=0.0, protocol="consumer", certain=("worker_kill",),
    ),
    "upgrade": Profile(
        {"worker_replaced": 1.0, "worker_kill": 0.3, "broker_kill": 0.05}, gap=(2.0, 5.0),
        quiet=0.0, upgrade=True, certain=("worker_replaced",),
    ),
    "upgrade_statements": Profile(
        {"worker_replaced": 1.0, "worker_kill": 0.3, "broker_kill": 0.05}, gap=(2.0, 5.0),
        quiet=0.0, upgrade=True, rate=STATEMENT_RATE, applications=len(jobs.STATEMENTS),
        statements=jobs.STATEMENTS, certain=("worker_replaced",),
    ),
    # In rounds, each with an application of its own: see truncation.py.
    "truncation": Profile(
        {"source_cut": 1.0, "repartition_cut": 1.0, "changelog_cut": 1.0}, workers=2, rate=2_000,
        certain=("source_cut", "repartition_cut", "changelog_cut"),
    ),
    "all": Profile(
        {"worker_kill": 0.6, "worker_stop": 0.3, "broker_kill": 0.25, "controller_kill": 0.1,
         "group_coordinator": 0.2, "transaction_coordinator": 0.2, "rolling_restart": 0.03,
         "disk_full": 0.08, "network": 0.4, "late_commit": 0.4, "poison_records": 0.2,
         "partition": 0.1, "broker_unheard": 0.1, "compacted_restore": 0.3, "static_back": 0.3,
         "static_twin": 0.2},
        proxied=True, drawn=True,
    ),
}  # fmt: skip
NEEDS = {"partition": "apart", "broker_unheard": "apart", "compacted_restore": "compacted",
         "static_back": "static", "static_twin": "static"}  # fmt: skip


def draw(profile: Profile, seed: int) -> Profile:
    """What the seed makes of a profile that leaves it open; faults that need something else go."""
    if not profile.drawn:
        return profile
    dice = random.Random(f"profile {seed}")
    many_keys = dice.random() < 0.2
    protocol = "consumer" if dice.random() < 0.2 else "classic"
    drawn = dataclasses.replace(
        profile,
        apart=dice.random() < 0.5,
        many_keys=many_keys,
        rate=MANY_RATE if many_keys else profile.rate,
        compacted=dice.random() < 0.3,
        # With KIP-848 it is the second one of two twins that is refused.
        static=protocol == "classic" and dice.random() < 0.3,
        applications=2 if dice.random() < 0.2 else 1,
        protocol=protocol,
    )
    kinds = {k: p for k, p in profile.kinds.items() if k not in NEEDS or getattr(drawn, NEEDS[k])}
    return dataclasses.replace(drawn, kinds=kinds)
