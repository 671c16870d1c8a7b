#!/usr/bin/env python3
"""Makes finished_aggregates.tsv: averages, variances and deviations by Python's own exact numbers.

    finished_aggregates.py > finished_aggregates.tsv

Shares nothing with kstream. Columns: scale of the inputs, digits of the results, how often the row
was added to itself (n becomes n * 2^k), the inputs in units, then what each aggregate comes to:
round(x, digits) of PostgreSQL, if it rounded exactly and once.
"""

import random
from fractions import Fraction
from math import isqrt

LOW, HIGH = -(2**127), 2**127 - 1


def half_away(value: Fraction) -> int:
    whole = (2 * abs(value.numerator) + value.denominator) // (2 * value.denominator)
    return whole if value >= 0 else -whole


def root_half_away(value: Fraction) -> int:
    """The whole number next to the root: of a tie the larger one."""
    down = isqrt(value.numerator // value.denominator)
    return down + 1 if value >= Fraction(2 * down + 1, 2) ** 2 else down


def text(units: int, digits: int) -> str:
    sign = "-" if units < 0 else ""
    body = str(abs(units)).rjust(digits + 1, "0")
    return sign + (f"{body[:-digits]}.{body[-digits:]}" if digits else body)


def row(scale: int, digits: int, doublings: int, inputs: list[int]) -> str:
    times = 2**doublings
    n = len(inputs) * times
    total = Fraction(sum(inputs) * times, 10**scale)
    squares = Fraction(sum(x * x for x in inputs) * times, 10 ** (2 * scale))
    spread = n * squares - total * total
    ten = 10**digits
    found = [text(half_away(total / n * ten), digits)]
    for over in (n, n - 1):
        found.append(text(half_away(spread / (n * over) * ten), digits) if over else "NULL")
    for over in (n, n - 1):
        found.append(text(root_half_away(spread / (n * over) * ten**2), digits) if over else "NULL")
    return "\t".join([str(scale), str(digits), str(doublings), " ".join(map(str, inputs)), *found])


def main() -> None:
    seeded = random.Random(41)
    for fixed in (
        (0, 0, 0, [0]),
        (9, 9, 0, [5]),
        (0, 0, 0, [1, 2]),  # avg 1.5
        (0, 0, 0, [-1, -2]),
        (0, 1, 0, [1, 1, 2]),
        (0, 0, 0, [0, 1]),  # deviation 0.5: a tie
        (0, 0, 0, [0, 3]),
        (2, 0, 0, [49, 50]),
        (2, 0, 0, [-1, 0]),  # rounds to a zero without a sign
        (0, 30, 0, [1, 0, 0]),
        (0, 30, 0, [LOW, HIGH]),
        (0, 0, 0, [LOW]),
        (0, 0, 0, [LOW, LOW, LOW]),
        (30, 0, 0, [LOW, HIGH]),
        (30, 30, 0, [LOW, HIGH, 0]),
        (0, 30, 61, [LOW, HIGH]),
        (0, 30, 62, [LOW]),
        (30, 30, 61, [HIGH, HIGH - 1]),
        (9, 2, 61, [1, 2]),
    ):
        print(row(*fixed))
    for _ in range(280):
        bits = seeded.choice((3, 12, 40, 64, 100, 127))
        inputs = [
            seeded.randrange(max(LOW, -(2**bits)), min(HIGH, 2**bits) + 1)
            for _ in range(seeded.randrange(1, 9))
        ]
        if seeded.random() < 0.3:  # all alike, or nearly so
            inputs = [max(LOW, inputs[0] - seeded.randrange(2)) for _ in inputs]
        print(
            row(
                seeded.choice((0, 2, 9, 30)),
                seeded.choice((0, 1, 2, 9, 18, 30)),
                seeded.choice((0, 0, 0, 1, 20, 59)),
                inputs,
            )
        )


if __name__ == "__main__":
    main()
