"""Queries of Nexmark over `kstream produce --shape nexmark`: docs/shapes/nexmark_*.sql."""

from __future__ import annotations

from abc import abstractmethod
from array import array
from collections import defaultdict
from decimal import Decimal

from ..times import milliseconds
from .job import Job, Key, Row, Updates, Windows, average, shown_statement

KINDS = ("person", "auction", "bid")
BID = 2
TEN_SECONDS = 10_000
SLIDE = 2_000
DAY = 86_400_000


def time_of(record: dict) -> int:
    return milliseconds(record[KINDS[record["event_type"]]]["dateTime"])


# ---- windows, each published once ----------------------------------------------------------------


class BidWindows(Windows):
    """All events move the time on; what is counted is bids."""

    time_of = staticmethod(time_of)

    def add(self, record: dict) -> None:
        ms = time_of(record)
        self.newest = max(self.newest, ms)
        if record["event_type"] == BID:
            self.add_bid(record["bid"], ms)

    @abstractmethod
    def add_bid(self, bid: dict, ms: int) -> None: ...


class Q5(BidWindows):
    def __init__(self, grace_s: int) -> None:
        super().__init__(grace_s)
        self.counts: dict[Key, int] = defaultdict(int)  # of an auction's bids in two seconds

    def add_bid(self, bid: dict, ms: int) -> None:
        self.counts[bid["auction"], ms // SLIDE * SLIDE] += 1

    def rows(self, _average_digits: int | None) -> dict[Key, Row]:
        found: dict[Key, int] = defaultdict(int)
        for (auction, moment), count in self.counts.items():
            for start in range(moment - TEN_SECONDS + SLIDE, moment + 1, SLIDE):
                found[auction, start] += count
        return {key: (key[1] + TEN_SECONDS, count) for key, count in found.items()}


class Q7(BidWindows):
    def __init__(self, grace_s: int) -> None:
        super().__init__(grace_s)
        self.highest: dict[Key, int] = defaultdict(int)

    def add_bid(self, bid: dict, ms: int) -> None:
        key = (ms // TEN_SECONDS * TEN_SECONDS,)
        self.highest[key] = max(self.highest[key], bid["price"])

    def rows(self, _average_digits: int | None) -> dict[Key, Row]:
        return {key: (key[0] + TEN_SECONDS, price) for key, price in self.highest.items()}


class Q11(BidWindows):
    def __init__(self, grace_s: int) -> None:
        super().__init__(grace_s)
        self.times: dict[int, array] = defaultdict(lambda: array("q"))  # of a bidder's bids

    def add_bid(self, bid: dict, ms: int) -> None:
        self.times[bid["bidder"]].append(ms)

    def rows(self, _average_digits: int | None) -> dict[Key, Row]:
        found: dict[Key, Row] = {}
        for bidder, times in self.times.items():
            start = last = count = 0
            for ms in sorted(times):
                if count and ms - last > TEN_SECONDS:
                    found[bidder, start] = (last + TEN_SECONDS, count)
                    count = 0
                if not count:
                    start = ms
                last = ms
                count += 1
            found[bidder, start] = (last + TEN_SECONDS, count)
        return found


class Q12(BidWindows):
    def __init__(self, grace_s: int) -> None:
        super().__init__(grace_s)
        self.counts: dict[Key, int] = defaultdict(int)

    def add_bid(self, bid: dict, ms: int) -> None:
        self.counts[bid["bidder"], ms // TEN_SECONDS * TEN_SECONDS] += 1

    def rows(self, _average_digits: int | None) -> dict[Key, Row]:
        return {key: (key[1] + TEN_SECONDS, count) for key, count in self.counts.items()}


# ---- days, published as they change --------------------------------------------------------------


def day_of(record: dict) -> int:
    return time_of(record) // DAY * DAY


def rank_of(price: int) -> int:
    """One of the three classes that q15 to q17 count by."""
    return 1 if price < 10_000 else 2 if price < 1_000_000 else 3


class Q15(Updates):
    def __init__(self, _grace_s: int) -> None:
        # Of each group bids, bidders and auctions, of any price and of each rank.
        self.counts: dict[Key, list[int]] = defaultdict(lambda: [0] * 12)
        # A group's column and an id -> a bit for each rank in which the id was met.
        self.seen: dict[tuple[Key, int, int], int] = {}

    def key_of(self, record: dict) -> Key | None:
        return (day_of(record),) if record["event_type"] == BID else None

    def take(self, key: Key, record: dict) -> None:
        bid = record["bid"]
        rank = rank_of(bid["price"])
        counts = self.counts[key]
        counts[0] += 1
        counts[rank] += 1
        for column, id_ in ((4, bid["bidder"]), (8, bid["auction"])):
            ranks = self.seen.get((key, column, id_), 0)
            counts[column] += not ranks
            if not ranks >> rank & 1:
                counts[column + rank] += 1
                self.seen[key, column, id_] = ranks | 1 << rank

    def rows(self, _average_digits: int | None) -> dict[Key, Row]:
        return {key: tuple(counts) for key, counts in self.counts.items()}


class Q16(Q15):
    def __init__(self, grace_s: int) -> None:
        super().__init__(grace_s)
        self.minutes: dict[Key, str] = defaultdict(str)

    def key_of(self, record: dict) -> Key | None:
        return (record["bid"]["channel"], day_of(record)) if record["event_type"] == BID else None

    def take(self, key: Key, record: dict) -> None:
        super().take(key, record)
        self.minutes[key] = max(self.minutes[key], record["bid"]["dateTime"][11:16])

    def rows(self, average_digits: int | None) -> dict[Key, Row]:
        return {key: (self.minutes[key], *row) for key, row in super().rows(average_digits).items()}


class Q17(Updates):
    def __init__(self, _grace_s: int) -> None:
        # Of each auction and day bids, those of each rank, the least, greatest and sum of prices.
        self.totals: dict[Key, list[int]] = {}

    def key_of(self, record: dict) -> Key | None:
        return (record["bid"]["auction"], day_of(record)) if record["event_type"] == BID else None

    def take(self, key: Key, record: dict) -> None:
        price = record["bid"]["price"]
        totals = self.totals.setdefault(key, [0, 0, 0, 0, price, price, 0])
        totals[0] += 1
        totals[rank_of(price)] += 1
        totals[4] = min(totals[4], price)
        totals[5] = max(totals[5], price)
        totals[6] += price

    def rows(self, average_digits: int | None) -> dict[Key, Row]:
        return {
            key: (*totals, average(Decimal(totals[6]), totals[0], average_digits))
            for key, totals in self.totals.items()
        }


# ---- all of them ---------------------------------------------------------------------------------


def query(name: str, about: str, recount: type, key: str, columns: str, counted: str = "",
          more: tuple[str, ...] = ()) -> Job:  # fmt: skip
    shown = shown_statement(f"nexmark_{name}.sql", "nexmark")
    return Job(
        name=name,
        about=about,
        shape="nexmark",
        records=10_000_000,
        key=tuple(key.split()),
        columns=tuple(columns.split()),
        times=frozenset(("window_start", "window_end", "starttime", "endtime", "day")),
        counted=counted,
        averages="avg_price" in columns,
        recount=recount,
        kstream=lambda source, grace_s: [*shown(source, grace_s), *more],
        systems=("kstream", "flink", "kafka-streams"),
        flink=("nexmark.sql", f"{name}.sql"),
        # Windows of ten seconds are small. What is kept of a day is not, and written to a
        # checkpoint as a whole, once a second, it would be most of the work.
        flink_state="rocksdb" if counted else "hashmap",
    )


STATISTICS = " ".join(
    f"{which}_{what}"
    for what in ("bids", "bidders", "auctions") for which in ("total", "rank1", "rank2", "rank3")
)  # fmt: skip
# More values than kstream counts of a key unless it is told to: there is no limit elsewhere.
ALL_VALUES = ("--max-distinct", "1000000000")

JOBS = (
    query("q5", "bids per auction, ten seconds, every two (hop)", Q5,
          "auction window_start", "window_end num"),
    query("q7", "highest price, ten seconds (tumble)", Q7,
          "window_start", "window_end maxprice"),
    query("q11", "bids per visit of a bidder (session)", Q11,
          "bidder starttime", "endtime bid_count"),
    query("q12", "bids per bidder, ten seconds of event time (tumble)", Q12,
          "bidder starttime", "endtime bid_count"),
    query("q15", "statistics per day, distinct bidders and auctions", Q15,
          "day", STATISTICS, "total_bids", ALL_VALUES),
    query("q16", "the same per channel and day", Q16,
          "channel day", f"minute {STATISTICS}", "total_bids", ALL_VALUES),
    query("q17", "statistics per auction and day", Q17, "auction day",
          "total_bids rank1_bids rank2_bids rank3_bids min_price max_price sum_price avg_price",
          "total_bids"),
)  # fmt: skip
