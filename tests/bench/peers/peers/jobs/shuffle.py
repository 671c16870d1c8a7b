"""ShuffleBench's job over `kstream produce --shape shuffle`: docs/shapes/shuffle.sql."""

from __future__ import annotations

from .job import Job, Key, Row, Updates, shown_statement


class Shuffle(Updates):
    def __init__(self, _grace_s: int) -> None:
        self.ids: dict[Key, list[int]] = {}

    def key_of(self, record: dict) -> Key | None:
        return (record["id"],) if record["selector"] < 20 else None

    def take(self, key: Key, record: dict) -> None:
        ms = record["ts"]
        totals = self.ids.setdefault(key, [0, 0, ms, ms])
        totals[0] += 1
        totals[1] += record["value"]
        totals[2] = min(totals[2], ms)
        totals[3] = max(totals[3], ms)

    def rows(self, _average_digits: int | None) -> dict[Key, Row]:
        return {key: tuple(totals) for key, totals in self.ids.items()}


JOB = Job(
    name="shuffle",
    about="ShuffleBench: a fifth of the records, by 1,000,000 ids",
    shape="shuffle",
    records=5_000_000,  # which are 5 GB, and the broker's data is in memory
    key=("id",),
    columns=("records", "total", "first", "last"),
    times=frozenset(("first", "last")),
    counted="records",
    recount=Shuffle,
    kstream=shown_statement("shuffle.sql", "shuffle"),
    systems=("kstream", "flink", "kafka-streams"),
    flink=("shuffle.sql",),
    flink_state="rocksdb",
)
