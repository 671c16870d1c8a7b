#!/usr/bin/env python3
"""kstream beside what it takes the place of: one job, one topic, one broker, one machine.

    run.py                                       20,000,000 records, every system once
    run.py --records 2000000 --systems kstream,flink
    run.py --job statement --rounds 3            one SELECT, in kstream and in Flink SQL
    run.py --job q5 --out-of-order 10%           windows over Nexmark's bids
    run.py --job q11 --latency                   from a record to its result, at a rate
    run.py --job q17 --recover --rounds 5        from a kill -9 to the next result
    run.py --rounds 3 --json

The default job is kstream's: sum and count per seller. With --job statement it is a SELECT with a
WHERE and five aggregates, which kstream and Flink SQL are given as the same text. The other jobs
are those of Nexmark and ShuffleBench over the topics that `kstream produce --shape` makes. kstream
runs the statements of docs/shapes, Flink those of flink/sql, and Kafka Streams a topology for each.
Each system reads the same topic with the settings that suit it best (its program says which and
why) and publishes to a results topic of its own: once a second, as kstream does while it reads a
backlog, but that its steps of many keys take up to five by themselves. Measured is from the start
of the process to the moment at which a read_committed reader can see the last row that the job has
to come to, with the CPU time and the memory of that process up to then; the broker's are not in it.
A rate counts all records of the topic, whether or not WHERE takes them.

The rows of all of them, kstream's too, are compared value by value with those that this program
has made before the first round. Records and results are read as Kafka's console consumer prints
them, by Python's json and decimal, with nothing of any system's. An average is the exact quotient
of sum and count, rounded half away from zero: once, or in the steps that a system takes (SYSTEMS).

q5, q7, q11 and q12 publish each window once, when it has closed. What is late is told apart in
another way by each system: kstream asks the record's own partition, Flink the slowest partition
that its task reads, Kafka Streams the newest record that its task has met. The allowance is the
same for all (--grace), and no record is further behind its partition than that. So a record that is
late is so by a system's own doing, its rows differ, and that is shown as wrong. The windows that
end within the last seconds of the topic are compared as far as they are published: nothing closes
them. No record from the future is appended to do that, for it would overtake, in Kafka Streams,
what is still on its way. q15 to q17 are days that are published as they change, and shuffle has no
windows: nothing is late there, and all rows are compared.

Starts a broker of its own (scripts/cluster.sh up --single, data in memory) and removes it. Builds
the others from Maven and the Go module proxy into build/peers; Java 17, Maven and Go have to be
there for those that need them. Give the machine nothing else to do. No system gets more than
--limit seconds. A run ends 20 s after the last result; these are not measured.
"""

from __future__ import annotations

import argparse
import json
import sys

from peers import measure, report
from peers.jobs import JOBS, LEFT_OUT
from peers.systems import SYSTEMS, build


def parsed() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    jobs = "; ".join(f"{name}: {job.about}" for name, job in JOBS.items())
    parser.add_argument("--job", default="default", help=jobs)
    mode = parser.add_mutually_exclusive_group()
    mode.add_argument("--latency", dest="mode", action="store_const", const="latency",
                      help="from a record to its result, at --rate for --seconds")  # fmt: skip
    mode.add_argument("--recover", dest="mode", action="store_const", const="recovery",
                      help="from kill -9 at --rate to the next result")  # fmt: skip
    parser.add_argument("--records", type=int,
                        help="of a backlog (default, statement 20000000; q5 to q17 10000000; "
                             "shuffle 5000000)")  # fmt: skip
    parser.add_argument("--sellers", type=int, default=3, help="of transactions (%(default)s)")
    parser.add_argument("--out-of-order", default="0", metavar="SHARE",
                        help="of nexmark and shuffle: share of the records, as 10%%, that are set "
                             "back, by --grace at most (%(default)s)")  # fmt: skip
    parser.add_argument("--grace", type=int, default=4, metavar="SECONDS",
                        help="how far a record may be behind the newest (%(default)s)")  # fmt: skip
    parser.add_argument("--rate", type=int, default=10_000,
                        help="records a second of --latency and --recover (%(default)s)")
    parser.add_argument("--seconds", type=int, default=60,
                        help="how long they last after the warm-up (%(default)s)")  # fmt: skip
    parser.add_argument("--rounds", type=int, default=1,
                        help="runs of each system, of which the medians are shown")  # fmt: skip
    parser.add_argument("--limit", type=int, default=900, help="seconds for each run (%(default)s)")
    parser.add_argument("--systems", help=f"a list of {', '.join(SYSTEMS)}; all that have the job")
    parser.add_argument("--json", action="store_true", help="all runs, as JSON")
    parser.set_defaults(mode="throughput")
    options = parser.parse_args()
    if options.job in LEFT_OUT:
        parser.error(f"{options.job} is left out: {LEFT_OUT[options.job]}")
    if options.job not in JOBS:
        parser.error(f"no such job: {options.job}; there are {', '.join(JOBS)}")
    if not 0 <= options.grace < 1000:
        parser.error("--grace is 0 to 999 seconds: the interval in Flink's script has three digits")
    able = [name for name in JOBS[options.job].systems
            if options.mode == "throughput" or SYSTEMS[name].told_how_often]  # fmt: skip
    options.systems = options.systems.split(",") if options.systems else able
    if unknown := [system for system in options.systems if system not in SYSTEMS]:
        parser.error(f"no such system: {', '.join(unknown)}")
    if unable := [system for system in options.systems if system not in able]:
        parser.error(f"not compared here with {', '.join(unable)}, but with {', '.join(able)}")
    return options


def main() -> int:
    given = parsed()
    job = JOBS[given.job]
    options = measure.Options(
        job=job, systems=given.systems, records=given.records or job.records,
        sellers=given.sellers, out_of_order=given.out_of_order, grace_s=given.grace,
        rounds=given.rounds, limit=given.limit, rate=given.rate, seconds=given.seconds)  # fmt: skip
    for system in options.systems:
        build(system)
    with measure.broker():
        found = getattr(measure, given.mode)(options)
    found = [{"job": job.name, **one} for one in found]
    if given.json:
        print(json.dumps(found, indent=1))
    else:
        print(getattr(report, given.mode)(found, options))
    return 0 if all(one["right"] for one in found) else 1


if __name__ == "__main__":
    sys.exit(main())
