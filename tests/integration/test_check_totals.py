#!/usr/bin/env python3
"""Tests of tools/check_totals.py: a checker that cannot fail proves nothing.

    test_check_totals.py

A small right output is made by hand, then damaged in every way that we could think of; each
damage has to be found, and the right output has to pass. Needs no cluster and no binary.
"""

from __future__ import annotations

import dataclasses
import importlib.util
import json
import random
import re
import sys
import unittest
from collections.abc import Callable
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "tools"))
from totals_check.compare import Report, compare, murmur2, partition_of  # noqa: E402
from totals_check.console import Record, parse, unescape  # noqa: E402
from totals_check.contract import (  # noqa: E402
    Aggregate,
    BadRecord,
    Job,
    Totals,
    judge,
    plain_text,
    result_key,
    units_of,
)

JOB = Job()
RESULT_PARTITIONS = 6
Published = dict[str, list[Record]]


def value(seller: str, amount: str) -> bytes:
    return f'{{"id_transacao": "x", "id_vendedor": "{seller}", "valor": {amount}}}'.encode()


SOURCE_VALUES: list[tuple[int, bytes | None]] = [
    (0, value("vendedor_1", "10.50")),
    (0, value("vendedor_2", "0.01")),
    (0, b'{"id_vendedor":"vendedor_1"}'),
    (0, value("vendedor_1", "99999.99")),
    (1, None),
    (1, value("vendedor_3", "5.0")),
    (1, b'\xff\n\t\\ not JSON'),
    (1, value("vendedor_2", "-7.25")),
    (2, value("vendedor_1", "1")),
    (2, b""),
]


def published_by_hand() -> Published:
    """What a right job leaves for SOURCE_VALUES, spelled out and not computed."""
    next_offset: dict[int, int] = {}
    source = []
    for partition, data in SOURCE_VALUES:
        offset = next_offset.get(partition, 0)
        next_offset[partition] = offset + 1
        key = None if offset == 2 else f"id-{partition}-{offset}".encode()
        # The second time in the source: its first dead letter's headers are its own now.
        own = (("kstream.reason", b"json"), ("kstream.field", None)) if partition == 1 else ()
        source.append(Record(partition, offset, 1000 + offset, key, data, own))

    def result(partition: int, offset: int, seller: str, total: str, count: int) -> Record:
        text = (
            f'{{"id_vendedor":"{seller}","valor_total_por_vendedor":{total},'
            f'"numero_transacoes":{count}}}'
        )
        headers = (("kstream.transaction", b"1"), ("kstream.run.id", b"r"))
        return Record(partition, offset, 2000, seller.encode(), text.encode(), headers)

    def letter(at: int, partition: int, offset: int, reason: str, about: str = "") -> Record:
        original = next(r for r in source if (r.partition, r.offset) == (partition, offset))
        headers = {
            "kstream.reason": reason,
            "kstream.source.topic": "financial_transactions",
            "kstream.source.partition": str(partition),
            "kstream.source.offset": str(offset),
            "kstream.source.timestamp": str(original.timestamp),
        }
        if about:
            headers["kstream.field"] = about
        pairs = original.headers + tuple((n, v.encode()) for n, v in headers.items())
        return Record(0, at, 2000, original.key, original.value, pairs)

    one, two, three = (
        partition_of(f"vendedor_{n}".encode(), RESULT_PARTITIONS) for n in (1, 2, 3)
    )
    return {
        "source": source,
        "results": [
            result(one, 10, "vendedor_1", "10.50", 1),
            result(one, 11, "vendedor_1", "100010.49", 2),
            result(one, 12, "vendedor_1", "100011.49", 3),
            result(two, 20, "vendedor_2", "0.01", 1),
            result(two, 21, "vendedor_2", "-7.24", 2),
            result(three, 30, "vendedor_3", "5.00", 1),
        ],
        "dead_letters": [
            letter(0, 0, 2, "missing_field", "valor"),
            letter(1, 1, 2, "encoding"),
            letter(2, 2, 1, "json"),
        ],
    }


def run(published: Published, **options: Any) -> Report:
    options.setdefault("results_partitions", RESULT_PARTITIONS)
    return compare(
        JOB, published["source"], published["results"], published["dead_letters"], **options
    )


# ---- damages -------------------------------------------------------------------------------------

Damage = Callable[[Published], None]


def change(topic: str, index: int, **fields: Any) -> Damage:
    def damage(published: Published) -> None:
        records = published[topic]
        records[index] = dataclasses.replace(records[index], **fields)

    return damage


def edit(topic: str, index: int, old: bytes, new: bytes) -> Damage:
    def damage(published: Published) -> None:
        record = published[topic][index]
        assert record.value is not None and old in record.value
        published[topic][index] = dataclasses.replace(
            record, value=record.value.replace(old, new)
        )

    return damage


def drop(topic: str, *indexes: int) -> Damage:
    def damage(published: Published) -> None:
        for index in sorted(indexes, reverse=True):
            del published[topic][index]

    return damage


def header(index: int, name: str, content: bytes | None) -> Damage:
    def damage(published: Published) -> None:
        record = published["dead_letters"][index]
        # The last of that name, in its place: the others came with the source record.
        headers = list(record.headers)
        at = max((i for i, (n, _) in enumerate(headers) if n == name), default=len(headers))
        headers[at : at + 1] = [] if content is None else [(name, content)]
        published["dead_letters"][index] = dataclasses.replace(record, headers=tuple(headers))

    return damage


def add_copy(topic: str, index: int, **fields: Any) -> Damage:
    def damage(published: Published) -> None:
        published[topic].append(dataclasses.replace(published[topic][index], **fields))

    return damage


def misplaced(place: Callable[[list[Record], Record], None]) -> Damage:
    """A result as another client would write it, whose partitioner is not Kafka's."""

    def damage(published: Published) -> None:
        records = published["results"]
        # Where neither the key itself nor `nobody` can be.
        homes = {partition_of(key, RESULT_PARTITIONS) for key in (records[5].key, b"nobody")}
        other = next(p for p in range(RESULT_PARTITIONS) if p not in homes)
        place(records, dataclasses.replace(records[5], partition=other, offset=50))

    return damage


def swap_totals(published: Published) -> None:
    results = published["results"]
    second, first = results.pop(4), results.pop(2)
    for one, other in ((first, second), (second, first)):
        results.append(
            dataclasses.replace(one, key=other.key, partition=other.partition, offset=40)
        )


def swap_values(published: Published) -> None:
    results = published["results"]
    results[2], results[5] = (
        dataclasses.replace(results[2], value=results[5].value),
        dataclasses.replace(results[5], value=results[2].value),
    )


def cancel_out(published: Published) -> None:
    """A cent moves from one key to another: all sums over all keys are right."""
    edit("results", 2, b"100011.49", b"100011.50")(published)
    edit("results", 4, b"-7.24", b"-7.25")(published)


def count_for_another(published: Published) -> None:
    """One record of vendedor_1 stands in the total of vendedor_3: nothing is lost over all keys."""
    edit("results", 2, b'100011.49,"numero_transacoes":3', b'100010.49,"numero_transacoes":2')(
        published
    )
    edit("results", 5, b'5.00,"numero_transacoes":1', b'6.00,"numero_transacoes":2')(published)


def double_a_header(published: Published) -> None:
    letter = published["dead_letters"][0]
    published["dead_letters"][0] = dataclasses.replace(
        letter, headers=letter.headers + letter.headers[-1:]
    )


def make_a_stub(published: Published) -> None:
    """A stub for a record of a few bytes: the bytes are lost for no reason."""
    letter = published["dead_letters"][1]
    stub = {
        "kstream.stub": "true",
        "kstream.source.key.bytes": "0",
        "kstream.source.value.bytes": "14",
        "kstream.source.value.sha256": "0" * 64,
        "kstream.source.headers": "2",
    }
    published["dead_letters"][1] = dataclasses.replace(
        letter,
        key=None,
        value=b"",
        headers=letter.headers + tuple((n, v.encode()) for n, v in stub.items()),
    )


def fall_and_recover(published: Published) -> None:
    """The last values are right, but in between a reader saw a count go back."""
    results = published["results"]
    results[0], results[1] = (
        dataclasses.replace(results[0], value=results[1].value),
        dataclasses.replace(results[1], value=results[0].value),
    )


# name -> (damage, what the report has to say)
DAMAGES: dict[str, tuple[Damage, str]] = {
    "a source record was not counted": (
        lambda p: p["source"].append(Record(5, 0, 1, None, value("vendedor_1", "1.00"))),
        "numero_transacoes is 3, not 4",
    ),
    "a source record of zero was not counted": (
        lambda p: p["source"].append(Record(5, 0, 1, None, value("vendedor_1", "0"))),
        "numero_transacoes is 3, not 4",
    ),
    "a source record was counted twice": (drop("source", 3), "numero_transacoes is 3, not 2"),
    "the tail of the results is cut": (drop("results", 2), "numero_transacoes is 2, not 3"),
    "one cent too much": (edit("results", 2, b"100011.49", b"100011.50"), "is 100011.50, not"),
    "one cent too little": (edit("results", 4, b"-7.24", b"-7.25"), "is -7.25, not -7.24"),
    "a digit past any double": (edit("results", 2, b".49", b".490000001"), "not 100011.49"),
    "the smallest unit there is": (
        edit("results", 5, b"5.00", b"5.000000001"), "is 5.000000001, not 5.00"
    ),
    "a sign lost": (edit("results", 4, b"-7.24", b"7.24"), "is 7.24, not -7.24"),
    "two errors that cancel out": (cancel_out, "is 100011.50, not 100011.49"),
    "a record counted for another key": (count_for_another, "numero_transacoes is 2, not 3"),
    "a record that was aborted was counted": (
        drop("source", 8),
        "numero_transacoes is 3, not 2",
    ),
    "a total in exponent form": (edit("results", 5, b"5.00", b"5e0"), "is 5e0, not 5.00"),
    "a count with decimals": (
        edit("results", 5, b'transacoes":1', b'transacoes":1.0'), "numero_transacoes is 1.0, not 1"
    ),
    "an old total stands last, under the right count": (
        edit("results", 2, b"100011.49", b"100010.49"), "is 100010.49, not 100011.49"
    ),
    "right money, wrong count": (
        edit("results", 5, b'transacoes":1', b'transacoes":2'),
        "numero_transacoes is 2, not 1",
    ),
    "a total as a string": (edit("results", 5, b"5.00", b'"5.00"'), "not"),
    "a total with one decimal": (edit("results", 5, b"5.00", b"5.0"), "is 5.0, not 5.00"),
    "blanks in a result": (edit("results", 5, b",", b", "), "not b"[:3]),
    "a field too much": (edit("results", 5, b"}", b',"x":1}'), "vendedor_3"),
    "fields in another order": (
        change(
            "results",
            5,
            value=b'{"id_vendedor":"vendedor_3","numero_transacoes":1,'
            b'"valor_total_por_vendedor":5.00}',
        ),
        "vendedor_3",
    ),
    "a result that is no JSON": (change("results", 1, value=b"{"), "is no JSON object"),
    "a key has no result": (drop("results", 5), "key 'vendedor_3' has no result"),
    "a key was deleted": (
        lambda p: p["results"].append(dataclasses.replace(p["results"][5], offset=31, value=None)),
        "key 'vendedor_3' has no result",
    ),
    "a key that nobody has": (
        add_copy("results", 5, key=b"vendedor_9", partition=0, offset=99),
        "key 'vendedor_9' has a result and no records",
    ),
    "keys swapped": (swap_totals, "not"),
    "values swapped": (swap_values, "not"),
    "a key in a second partition": (
        lambda p: p["results"].insert(
            0, dataclasses.replace(p["results"][5], partition=5 - p["results"][5].partition)
        ),
        "as well",
    ),
    "a key in the wrong partition": (
        change("results", 5, partition=(partition_of(b"vendedor_3", 6) + 1) % 6),
        "is in partition",
    ),
    "a key in the wrong partition, read before the right one": (
        misplaced(lambda records, wrong: records.insert(0, wrong)),
        "is in partition",
    ),
    "a key in the wrong partition, read after the right one": (
        misplaced(lambda records, wrong: records.append(wrong)),
        "is in partition",
    ),
    "a key in the wrong partition, and deleted there": (
        misplaced(
            lambda records, wrong: records.extend(
                [
                    dataclasses.replace(wrong, key=b"nobody"),
                    dataclasses.replace(wrong, key=b"nobody", value=None, offset=51),
                ]
            ),
        ),
        "is in partition",
    ),
    "a result without a key": (change("results", 0, key=None), "has no key"),
    "a count that falls in between": (fall_and_recover, "falls from 2 to 1"),
    "a count that falls at the end": (
        add_copy("results", 1, offset=13),
        "falls from 3 to 2",
    ),
    "a dead letter is missing": (drop("dead_letters", 1), "source 1@2 (encoding) has none"),
    "all dead letters are missing": (drop("dead_letters", 0, 1, 2), "source 0@2"),
    "a dead letter stands there twice": (add_copy("dead_letters", 0, offset=9), "2 times"),
    "a dead letter for a valid record": (
        header(0, "kstream.source.offset", b"1"),
        "there should be none",
    ),
    "a dead letter of the wrong partition": (
        header(0, "kstream.source.partition", b"3"),
        "there should be none",
    ),
    "a dead letter without coordinates": (
        header(0, "kstream.source.offset", None),
        "does not say which record it is",
    ),
    "a wrong reason": (header(0, "kstream.reason", b"json"), "kstream.reason is json, not missing"),
    "a wrong field": (header(0, "kstream.field", b"id"), "kstream.field is id, not valor"),
    "no field": (header(0, "kstream.field", None), "kstream.field is None, not valor"),
    "a field without need": (header(2, "kstream.field", b"x"), "kstream.field is x, not None"),
    "the source record's own headers are gone": (
        lambda published: change(
            "dead_letters", 1, headers=published["dead_letters"][1].headers[2:]
        )(published),
        "own headers ()",
    ),
    "no reason": (header(0, "kstream.reason", None), "kstream.reason is None"),
    "a wrong source topic": (header(2, "kstream.source.topic", b"other"), "source.topic is other"),
    "a wrong timestamp": (header(2, "kstream.source.timestamp", b"1"), "source.timestamp is 1"),
    "a header too much": (header(2, "x", b"1"), "header x is 1"),
    "a header twice": (double_a_header, "a header stands there twice"),
    "a byte of a dead letter changed": (
        edit("dead_letters", 1, b"\xff", b"\xef"),
        "not",
    ),
    "a dead letter lost its last byte": (edit("dead_letters", 1, b"JSON", b"JSO"), "value"),
    "an empty dead letter became null": (change("dead_letters", 2, value=None), "value null"),
    "a dead letter lost its key": (change("dead_letters", 2, key=None), "key null"),
    "a null key became empty": (change("dead_letters", 0, key=b""), "not null"),
    "a stub for a small record": (make_a_stub, "a stub"),
}


class Damaged(unittest.TestCase):
    def test_what_is_right_passes(self) -> None:
        report = run(published_by_hand())
        self.assertEqual(report.differences, [])
        self.assertTrue(report.exact)
        self.assertEqual(report.figures["valid_records"], 6)
        self.assertEqual(report.figures["published_count"], 6)
        self.assertEqual(report.figures["tombstones"], 1)
        self.assertEqual(
            report.figures["bad_by_reason"], {"encoding": 1, "json": 1, "missing_field": 1}
        )
        self.assertEqual(report.totals[0]["valor_total_por_vendedor"], "100011.49")

    def test_each_damage_is_found(self) -> None:
        self.assertGreaterEqual(len(DAMAGES), 15)
        for name, (damage, said) in DAMAGES.items():
            with self.subTest(name):
                published = published_by_hand()
                damage(published)
                report = run(published)
                self.assertFalse(report.exact, f"not found: {name}")
                self.assertIn(said, "\n".join(report.differences))

    def test_an_empty_output_is_found(self) -> None:
        published = published_by_hand() | {"results": []}
        self.assertFalse(run(published).exact)

    def test_nothing_in_and_nothing_out_is_right(self) -> None:
        self.assertTrue(run({"source": [], "results": [], "dead_letters": []}).exact)

    def test_results_from_nothing_are_found(self) -> None:
        self.assertFalse(run(published_by_hand() | {"source": []}).exact)

    def test_skip_wants_no_dead_letters(self) -> None:
        published = published_by_hand()
        self.assertFalse(run(published, policy="skip").exact)
        self.assertTrue(run(published | {"dead_letters": []}, policy="skip").exact)

    def test_a_reset_lets_counts_begin_anew(self) -> None:
        published = published_by_hand()
        before = [
            dataclasses.replace(r, offset=r.offset - 10) for r in published["results"][:3]
        ]
        deleted = dataclasses.replace(before[-1], offset=5, value=None)
        published["results"] = [*before, deleted, *published["results"]]
        self.assertTrue(run(published).exact)
        published["results"].remove(deleted)
        self.assertFalse(run(published).exact)

    def test_many_differences_are_counted_and_not_all_listed(self) -> None:
        published = published_by_hand()
        published["source"] += [
            Record(5, n, 1, None, value(f"seller_{n}", "1")) for n in range(100)
        ]
        report = run(published)
        self.assertLess(len(report.differences), 60)
        self.assertEqual(report.more["key"], 80)

    def test_a_big_record_may_leave_a_stub(self) -> None:
        import hashlib

        big = b"[" * 1_000_000
        source = Record(0, 0, 7, b"k", big)
        headers = {
            "kstream.reason": "depth",
            "kstream.source.topic": "financial_transactions",
            "kstream.source.partition": "0",
            "kstream.source.offset": "0",
            "kstream.source.timestamp": "7",
            "kstream.stub": "true",
            "kstream.source.key.bytes": "1",
            "kstream.source.value.bytes": "1000000",
            "kstream.source.value.sha256": hashlib.sha256(big).hexdigest(),
        }
        pairs = tuple((n, v.encode()) for n, v in headers.items())
        right = {
            "source": [source],
            "results": [],
            "dead_letters": [Record(0, 0, 8, None, b"", pairs)],
        }
        self.assertEqual(run(right).differences, [])
        header(0, "kstream.source.value.sha256", b"0" * 64)(right)
        self.assertFalse(run(right).exact)


# ---- the contract --------------------------------------------------------------------------------


def bad_line(reason: str, about: str | None) -> str:
    return reason + ("" if about is None else " " + about.encode().hex())


def verdict(data: bytes, job: Job) -> str:
    try:
        group, units = judge(data, job)
    except BadRecord as bad:
        return bad_line(bad.reason, bad.field)
    return " ".join(["ok", *(f"{k[0]}:{t.encode().hex()}" for k, t in group), *map(str, units)])


def differential() -> Any:
    """The other program that was written from the page: its cases, its verdicts."""
    path = ROOT / "tests" / "fuzz" / "record_decoder_differential.py"
    spec = importlib.util.spec_from_file_location("record_decoder_differential", path)
    assert spec and spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


class Contract(unittest.TestCase):
    def test_the_page_and_its_examples(self) -> None:
        page = (ROOT / "docs" / "RECORDS.md").read_text(encoding="ascii")
        table = page.split("| value | verdict |")[1].split("\n\n")[0]
        rows = re.findall(r"^\| `(.+?)` \| (.+) \|$", table, re.M)
        checked = 0
        for text, said in rows:
            group = re.match(r"group (\w)\w+ `(.*)`, units (-?\d+)", said)
            reason = re.match(r"`(\w+)`(?: of `(\w+)`)?", said)
            if not group and not reason:
                continue
            expected = (
                f"ok {group[1]}:{group[2].encode().hex()} {group[3]}"
                if group
                else bad_line(reason[1], reason[2])
            )
            with self.subTest(text):
                self.assertEqual(verdict(text.encode(), JOB), expected)
            checked += 1
        self.assertGreaterEqual(checked, 11)

    def test_the_page_and_its_numbers(self) -> None:
        page = (ROOT / "docs" / "RECORDS.md").read_text(encoding="ascii")
        table = page.split("| token, s = 9 |")[1].split("\n\n")[0]
        checked = 0
        for tokens, said in re.findall(r"^\| (`.+`) \| (.+) \|$", table, re.M):
            said = {"2^127 - 1": str(2**127 - 1), "-2^127": str(-(2**127))}.get(said, said)
            reason = re.match(r"`(\w+)`", said)
            for token in re.findall(r"`([^`]+)`", tokens):
                expected = bad_line(reason[1], "valor") if reason else f"ok s:61 {said}"
                with self.subTest(token):
                    record = f'{{"id_vendedor":"a","valor":{token}}}'.encode()
                    self.assertEqual(verdict(record, JOB), expected)
                checked += 1
        self.assertGreaterEqual(checked, 13)

    def test_both_readers_of_the_page_agree(self) -> None:
        other = differential()
        for job in other.JOBS:
            scale, group_by, sums = job
            ours = Job(tuple(group_by), tuple(Aggregate("sum", f, f) for f in sums), scale)
            cases = other.Cases(job, random.Random(7))
            for _ in range(1500):
                record = cases.any()
                self.assertEqual(verdict(record, ours), other.expected_line(job, record), record)

    def test_the_quick_way_decides_as_the_page_does(self) -> None:
        cases = differential().Cases((9, ["id_vendedor"], ["valor"]), random.Random(11))
        records = [cases.any() for _ in range(6000)]
        records += [value(f"v{n}", f"{n}.{n % 100:02}") for n in range(900)]
        records += [
            b'{"id_vendedor": "a", "valor": "1.5"}',
            b'{"id_vendedor": 1.5, "valor": 1.5}',
            b'{"id_vendedor": "a", "valor": 1.5} ',
            b'{"id_vendedor": "a", "valor": 1.5, "valor": 1.5}',
            b'{"id_vendedor": "a", "valor": 1.5, "x": {"valor": 9}}',
            b'{"id_vendedor": "a", "x": {"valor": 9}}',
            b'{"id_vendedor": "a", "valor": -0.5}',
            b'{"id_vendedor": "a", "valor": NaN}',
            b'{"id_vendedor": "valor", "valor": 1.5}',
            b'[{"id_vendedor": "a", "valor": 1.5}]',
            b'{"id_vendedor": "a", "valor": 1.5, "x": ' + b"[" * 63 + b"]" * 63 + b"}",
            b'{"id_vendedor": "a", "valor": 1.5, "x": ' + b"[" * 64 + b"]" * 64 + b"}",
            b'{"id_vendedor": "' + b"a" * 1025 + b'", "valor": 1.5}',
        ]
        plain = [
            r.decode() for r in records if all(32 <= c < 127 and c != 92 for c in r)
        ]
        quick = Totals(JOB)
        undecided = set(quick.add_plain(plain))
        self.assertGreater(len(plain) - len(undecided), 300)
        by_the_page = Totals(JOB)
        for index, text in enumerate(plain):
            if index not in undecided:
                by_the_page.add(text.encode())  # raises where the quick way took a bad record
        self.assertEqual(quick.finish(), by_the_page.finish())

    def test_numbers(self) -> None:
        self.assertEqual(units_of("1" + "0" * 29, 9), 10**38)
        for text, reason in (
            ("9" * 5000, "range"),
            ("1e" + "9" * 5000, "range"),
            ("1e-" + "9" * 5000, "scale"),
            ("0." + "1" * 5000, "scale"),
        ):
            with self.assertRaises(BadRecord) as caught:
                units_of(text, 9)
            self.assertEqual(caught.exception.reason, reason)
        self.assertEqual(units_of("0e" + "9" * 5000, 9), 0)
        self.assertEqual(units_of("1" + "0" * 5000 + "e-5000", 9), 10**9)
        self.assertEqual(plain_text(-1100000000, 9, 2), "-1.10")
        self.assertEqual(plain_text(-1, 9), "-0.000000001")
        self.assertEqual(plain_text(0, 9, 2), "0.00")
        self.assertEqual(plain_text(7, 0), "7")

    def test_keys_of_results(self) -> None:
        self.assertEqual(result_key((("string", "a b"),)), b"a b")
        self.assertEqual(result_key((("string", "[a"),)), b'["[a"]')
        self.assertEqual(result_key((("number", "1.5"),)), b"[1.5]")
        self.assertEqual(
            result_key((("string", 'a"\u00e3'), ("number", "1"), ("boolean", "true"))),
            '["a\\"\u00e3",1,true]'.encode(),
        )

    def test_partitions_are_those_of_kafkas_clients(self) -> None:
        # The values of Kafka's own test of its hash.
        for text, hashed in (
            ("21", -973932308),
            ("foobar", -790332482),
            ("a-little-bit-long-string", -985981536),
            ("a-little-bit-longer-string", -1486304829),
            ("lkjh234lh9fiuh90y23oiuhsafujhadof229phr9h19h89h8", -58897971),
            ("abc", 479470107),
        ):
            self.assertEqual(murmur2(text.encode()), hashed & 0xFFFFFFFF, text)


# ---- what the console prints ---------------------------------------------------------------------


class Console(unittest.TestCase):
    NULL = "null-0123"

    def test_a_line(self) -> None:
        line = (
            "CreateTime:17\tPartition:3\tOffset:42\t"
            "a:1\x1fb:x\\x1Fy\x1fc:null-0123\tnull-0123\t\\x5Cx41\\x09\\x0A\\xFFz"
        )
        self.assertEqual(
            parse(line, self.NULL),
            Record(
                3,
                42,
                17,
                None,
                b"\\x41\t\n\xffz",
                (("a", b"1"), ("b", b"x\x1fy"), ("c", None)),
            ),
        )

    def test_empty_is_not_null(self) -> None:
        line = "NO_TIMESTAMP\tPartition:0\tOffset:0\tNO_HEADERS\t\tnull-0123"
        self.assertEqual(parse(line, self.NULL), Record(0, 0, -1, b"", None))

    def test_all_bytes(self) -> None:
        data = bytes(range(256)) * 2
        printed = "".join(
            chr(c) if 32 <= c < 127 and c != 92 else f"\\x{c:02X}" for c in data
        )
        self.assertEqual(unescape(printed), data)

    def test_a_report_is_json(self) -> None:
        report = run(published_by_hand())
        json.dumps([report.figures, report.totals, report.differences])


if __name__ == "__main__":
    unittest.main()
