"""Records that break the contract of docs/RECORDS.md, for each reason, and some that do not."""

from __future__ import annotations

from .records import Wanted, write

GOOD = b'{"id_vendedor":"vendedor_1","valor":10.25}'


def record(seller: bytes, amount: bytes) -> bytes:
    return b'{"id_vendedor":' + seller + b',"valor":' + amount + b"}"


# reason -> values, each bad for exactly that reason by docs/RECORDS.md.
BAD: dict[str, list[bytes]] = {
    "encoding": [
        b'{"id_vendedor":"\xff","valor":1}',
        b'{"id_vendedor":"\xc0\x80","valor":1}',
        b'{"id_vendedor":"\xed\xa0\x80","valor":1}',
        b'{"id_vendedor":"a","valor":1,"x":"\\ud800"}',
        b"\xf5",
    ],
    "depth": [b"[" * 65, b'{"id_vendedor":"a","valor":1,"x":' + b"[" * 64 + b"]" * 64 + b"}"],
    "json": [
        b"",
        b" \n",
        b"not json",
        b"\xef\xbb\xbf" + GOOD,
        GOOD + b"}",
        GOOD[:-1],
        record(b'"a"', b"01"),
        record(b'"a"', b"NaN"),
        record(b'"a"', b"+1"),
        b"{'id_vendedor':'a','valor':1}",
        b'{"id_vendedor":"a\tb","valor":1}',
        b"\x00",
        b"a\r\nb\tc\\x41 with what separates lines and fields",
    ],
    "not_object": [b"[]", b"1", b"null", b'"x"', b"[" + GOOD + b"]"],
    "duplicate_field": [
        b'{"id_vendedor":"a","valor":1,"valor":2}',
        b'{"id_vendedor":"a","id\\u005fvendedor":"a","valor":2}',
    ],
    "missing_field": [b"{}", b'{"id_vendedor":"a"}', b'{"valor":1}', b'{"x":' + GOOD + b"}"],
    "group_type": [record(b"null", b"1"), record(b"{}", b"1"), record(b"[1]", b'"1"')],
    "group_size": [record(b'"' + b"a" * 1025 + b'"', b"1")],
    "number_type": [record(b'"a"', b'"1"'), record(b'"a"', b"true"), record(b'"a"', b"null")],
    "scale": [record(b'"a"', b"0.1234567891"), record(b'"a"', b"1e-400")],
    "range": [record(b'"a"', b"1e400"), record(b"1e400", b"1"),
              record(b'"a"', b"170141183460469231731687303715.884105728")],
}  # fmt: skip
# Unusual, and good.
STRANGE = [
    b' { "valor" : 1E2 , "id_vendedor" : 7.50 , "x" : [1e400] } ',
    record(b"1", b"1"),
    record(b'"1"', b"1"),
    record(b"true", b"-0.000000001"),
    record(b'""', b"0e99999999999999999999"),
    record(b'"[x"', b"1"),
    record(b'"\\u0000\\"\\n"', b"2.5"),
    record('"S\u00e3o \U0001f600"'.encode(), b"2.5"),
    record(b'"S\\u00e3o \\ud83d\\ude00"', b"2.5"),
    record(b'"' + b"a" * 1024 + b'"', b"1"),
    record(b'"' + b"\x7f" + b'"', b"1"),
    b'{"id_vendedor":"a","valor":1,"x":' + b"[" * 63 + b"]" * 63 + b"}",
]
KEYS = [b"key", None, b"", b"\x00\xff\n\t"]


def write_all(topic: str, partitions: int = 6) -> int:
    """Good and bad ones in turn, over all partitions and kinds of keys; how many are good."""
    values: list[bytes | None] = [v for values in BAD.values() for v in values]
    values += [*STRANGE, None, None, None]
    for partition in range(partitions):
        chosen = values[partition::partitions]
        mixed = [one for value in chosen for one in (GOOD, value)]
        write(
            topic, partition, [Wanted(v, KEYS[n // 2 % len(KEYS)]) for n, v in enumerate(mixed)]
        )
    return len(values) + len(STRANGE)
