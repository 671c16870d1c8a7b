"""The records of `kstream produce --shape nexmark` and `shuffle` a second time, in Python integers,
from docs/adr/0058-shapes.md. Shares nothing with what it is compared with.

    shapes.py nexmark|shuffle SEED COUNT START_S [OUT_OF_ORDER_MILLIONTHS BY_MS]

prints the records, one a line; the golden digests of the unit tests are the SHA-256 of that.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from datetime import datetime, timedelta, timezone

MASK = (1 << 64) - 1
LETTERS = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
GIVEN = "Ana Bia Caio Davi Eva Gil Hugo Iris Joana Lia Otto".split()
FAMILY = "Alves Braga Costa Dias Lima Melo Nunes Prado Souza".split()
CITIES = ("Phoenix,Los Angeles,San Francisco,Boise,Portland,Bend,Redmond,Seattle,Kent,"
          "Cheyenne").split(",")  # fmt: skip
STATES = "AZ CA ID OR WA WY".split()
CHANNELS = "Google Facebook Baidu Apple".split()


def mix(word: int) -> int:
    word = ((word ^ (word >> 30)) * 0xBF58476D1CE4E5B9) & MASK
    word = ((word ^ (word >> 27)) * 0x94D049BB133111EB) & MASK
    return word ^ (word >> 31)


def splitmix64(seed: int, index: int) -> int:
    return mix((seed + (index + 1) * 0x9E3779B97F4A7C15) & MASK)


def below(word: int, bound: int) -> int:
    return word * bound >> 64


class Record:
    """What the members of one record are taken from."""

    def __init__(self, seed: int, index: int, words: int, start: int, disorder: tuple[int, int]):
        self.seed, self.index = seed, index
        self.next_word = index * words
        self.ms = start * 1000 + index // 10
        share, most = disorder
        if below(self.word(7), 1_000_000) < share:
            self.ms -= 1 + below(mix(self.word(7)), most)

    def word(self, stream: int) -> int:
        return splitmix64(splitmix64(self.seed, stream), self.index)

    def text(self, letters: int) -> str:
        found = ""
        while len(found) < letters:
            word = splitmix64(splitmix64(self.seed, 8), self.next_word)
            self.next_word += 1
            found += "".join(LETTERS[word >> 6 * i & 63] for i in range(10))
        return found[:letters]

    def price(self, stream: int) -> int:
        least = 100 * 10 ** below(self.word(stream), 6)
        return least + below(mix(self.word(stream)), 9 * least)

    def person(self, stream: int, hot: int) -> int:
        people = self.index // 50 + 1
        active = min(people, 1000)
        choice = below(self.word(stream), 4 * (active + 10))
        if choice % 4:
            return 1000 + (people - 1) // 100 * 100 + hot
        return 1000 + people - active + choice // 4


def iso(ms: int) -> str:
    time = datetime(1970, 1, 1, tzinfo=timezone.utc) + timedelta(milliseconds=ms)
    return time.strftime("%Y-%m-%dT%H:%M:%S.") + f"{ms % 1000:03}Z"


def nexmark(seed: int, index: int, start: int, disorder: tuple[int, int] = (0, 1)) -> str:
    r = Record(seed, index, 64, start, disorder)
    block, place = divmod(index, 50)
    if place == 0:
        names = below(r.word(0), 11 * 9)
        where = below(r.word(1), 10 * 6)
        card = f"{below(r.word(2), 10**16):016}"
        event = {
            "id": 1000 + block,
            "name": f"{GIVEN[names % 11]} {FAMILY[names // 11]}",
            "emailAddress": f"{r.text(7)}@{r.text(5)}.com",
            "creditCard": " ".join(card[i : i + 4] for i in range(0, 16, 4)),
            "city": CITIES[where % 10],
            "state": STATES[where // 10],
            "dateTime": iso(r.ms),
            "extra": r.text(106 + below(r.word(4), 54)),
        }
    elif place < 4:
        first = r.price(0)
        event = {
            "id": 1000 + 3 * block + place - 1,
            "itemName": r.text(20),
            "description": r.text(100),
            "initialBid": first,
            "reserve": first + r.price(2),
            "dateTime": iso(r.ms),
            "expires": iso(r.ms + 1 + below(r.word(5), 2 * 166)),
            "seller": r.person(1, 0),
            "category": 10 + below(r.word(3), 5),
            "extra": r.text(266 + below(r.word(4), 132)),
        }
    else:
        newest = 3 * block + 2
        oldest = max(newest - 100, 0)
        choice = below(r.word(0), 2 * (newest - oldest + 11))
        auction = newest // 100 * 100 if choice % 2 else oldest + choice // 2
        channel = below(r.word(3), 20_000)
        hot = channel % 2 == 1
        number = channel // 2
        url = f"https://www.nexmark.com/{r.text(5)}/{r.text(5)}/{r.text(5)}/item.htm?query=1"
        event = {
            "auction": 1000 + auction,
            "bidder": r.person(1, 1),
            "price": r.price(2),
            "channel": CHANNELS[number % 4] if hot else f"channel-{number}",
            "url": url if hot else f"{url}&channel_id={number}",
            "dateTime": iso(r.ms),
            "extra": r.text(54 + below(r.word(4), 28)),
        }
    kind = 0 if place == 0 else 1 if place < 4 else 2
    record = {"event_type": kind, ("person", "auction", "bid")[kind]: event}
    return json.dumps(record, separators=(",", ":"))


def shuffle(seed: int, index: int, start: int, disorder: tuple[int, int] = (0, 1)) -> str:
    r = Record(seed, index, 128, start, disorder)
    text = json.dumps(
        {
            "id": below(r.word(0), 1_000_000),
            "selector": below(r.word(1), 100),
            "value": below(r.word(2), 1_000_000_000),
            "ts": r.ms,
            "data": "",
        },
        separators=(",", ":"),
    )
    return text[:-2] + r.text(1024 - len(text)) + '"}'


def records(shape: str, seed: int, count: int, start: int,
            disorder: tuple[int, int] = (0, 1)) -> Iterator[str]:  # fmt: skip
    made = {"nexmark": nexmark, "shuffle": shuffle}[shape]
    return (made(seed, index, start, disorder) for index in range(count))


if __name__ == "__main__":
    shape, *numbers = sys.argv[1:]
    seed, count, start, *disorder = (int(number) for number in numbers)
    for line in records(shape, seed, count, start, tuple(disorder) or (0, 1)):
        print(line)
