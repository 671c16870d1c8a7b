"""What the processes of a job show over HTTP: status, totals and each other."""

from __future__ import annotations

import json
import time
import urllib.error
import urllib.request
from decimal import Decimal
from urllib.parse import quote

from harness.case import ConsoleConsumer, IntegrationTest, parse, wait_for
from harness.cluster import BROKERS
from harness.process import Process

PARALLEL = True
COUNT = 100_000


def port_of(process: Process) -> str:
    return process.wait_for_log(r"http server listens host=127\.0\.0\.1 port=(\d+)")[1]


def get(process: Process, path: str) -> tuple[int, dict]:
    """Status and the JSON of the answer, with numbers as they stand there."""
    url = f"http://127.0.0.1:{port_of(process)}{path}"
    try:
        with urllib.request.urlopen(url, timeout=5) as answer:
            return answer.status, json.loads(answer.read(), parse_float=Decimal)
    except urllib.error.HTTPError as error:
        with error:
            return error.code, json.loads(error.read(), parse_float=Decimal)


def listing(process: Process, limit: int) -> dict[str, dict]:
    """All totals of a process, page by page."""
    found: dict[str, dict] = {}
    path = f"/state?limit={limit}"
    while True:
        status, page = wait_for(
            lambda: (answer := get(process, path))[0] == 200 and answer, 20, f"{path} is served"
        )
        assert len(page["entries"]) <= limit
        for entry in page["entries"]:
            assert entry["key"] not in found, f"{entry['key']} twice"
            found[entry["key"]] = entry["total"]
        if page["next"] is None:
            return found
        path = f"/state?limit={limit}&after={page['next']}"


class Status(IntegrationTest):
    def results_by_key(self, count: int) -> dict[str, dict]:
        """What the results topic holds, newest per key, once all `count` records are in it."""
        found: dict[str, dict] = {}
        deadline = time.monotonic() + 60
        with ConsoleConsumer(BROKERS, self.results) as consumer:
            for lines in consumer.lines():
                for line in lines:
                    record = parse(line, consumer.null)
                    found[record.key.decode()] = json.loads(record.value, parse_float=Decimal)
                total = sum(value["numero_transacoes"] for value in found.values())
                if total == count:
                    return found
                assert time.monotonic() < deadline, f"{total} of {count} records in the results"
        return found

    def two(self, *options: str) -> list[Process]:
        """Two processes that share the state partitions."""
        replicas = [self.aggregate("--http", "127.0.0.1:0", *options, name="replica")
                    for _ in range(2)]

        def share() -> bool:
            pages = [get(replica, "/state") for replica in replicas]
            held = [sorted(p["partition"] for p in page["partitions"])
                    for status, page in pages if status == 200]
            return len(held) == 2 and all(held) and sorted(held[0] + held[1]) == list(range(6))

        wait_for(share, 40, "both have state partitions, together all of them")
        return replicas

    def test_totals_of_two_processes_are_the_results(self) -> None:
        self.create_topics()
        replicas = self.two()
        self.produce(COUNT, "--sellers", "500")

        def all_of_it() -> bool:
            counts = [t["numero_transacoes"] for r in replicas for t in listing(r, 37).values()]
            return sum(counts) == COUNT

        wait_for(all_of_it, 60, "all records are in the committed totals")
        first, second = (listing(replica, 37) for replica in replicas)
        self.assertFalse(first.keys() & second.keys())
        for replica, held in zip(replicas, (first, second)):
            page = get(replica, "/state")[1]
            self.assertTrue(page["partial"])
            self.assertEqual(page["keys"], len(held))
        self.assertEqual(first | second, self.results_by_key(COUNT))
        self.assertEqual(len(first | second), 500)

        self.check_peers(replicas)
        self.check_keys(replicas, first, second)
        self.check_status(replicas)
        self.assert_exact(count=COUNT)

    def check_peers(self, replicas: list[Process]) -> None:
        addresses = {f"127.0.0.1:{port_of(replica)}" for replica in replicas}

        def they_know(replica: Process) -> bool:
            """Each learns of the others and of a rebalance in its own time."""
            page = get(replica, "/state")[1]
            peers = page["peers"] or []
            mine = [p for p in peers if p["self"]]
            return (
                {p["http"] for p in peers} == addresses
                and all(p["partitions"] for p in peers)
                and [p["http"] for p in mine] == [f"127.0.0.1:{port_of(replica)}"]
                and mine[0]["partitions"] == [p["partition"] for p in page["partitions"]]
            )

        for replica in replicas:
            wait_for(lambda r=replica: they_know(r), 20, "the processes know each other")

    def check_keys(self, replicas: list[Process], first: dict, second: dict) -> None:
        mine, others = next(iter(first)), next(iter(second))
        status, answer = get(replicas[0], f"/state/{quote(mine, safe='')}")
        self.assertEqual((status, answer["total"]), (200, first[mine]))
        status, answer = get(replicas[0], f"/state/{quote(others, safe='')}")
        self.assertEqual(status, 404)
        self.assertEqual(answer["owner"]["http"], f"127.0.0.1:{port_of(replicas[1])}")
        with urllib.request.urlopen(answer["owner"]["url"], timeout=5) as followed:
            self.assertEqual(json.loads(followed.read(), parse_float=Decimal)["total"],
                             second[others])
        # A key that nobody has: its owner says so.
        answers = [get(replica, "/state/nobody") for replica in replicas]
        self.assertEqual([status for status, _ in answers], [404, 404])
        self.assertEqual(sum(a["owner"] is None for _, a in answers), 1)
        self.assertEqual(get(replicas[0], "/state/%5B1")[0], 404)

    def check_status(self, replicas: list[Process]) -> None:
        def at_rest() -> list[dict]:
            """What a loop shows of itself is some moments old."""
            pages = [get(replica, "/status")[1] for replica in replicas]
            shown = [p for s in pages for loop in s["loops"] if loop["stage"] == "map"
                     for p in loop["partitions"]]  # fmt: skip
            caught_up = len(shown) == 6 and not any(p["lag_records"] for p in shown)
            return pages if caught_up and all(s["ready"] for s in pages) else []

        statuses = wait_for(at_rest, 20, "both are ready and have no lag")
        for stage in ("map", "totals"):
            loops = [loop for s in statuses for loop in s["loops"] if loop["stage"] == stage]
            self.assertEqual(sorted(p["partition"] for loop in loops for p in loop["partitions"]),
                             list(range(6)))
        maps = [loop for s in statuses for loop in s["loops"] if loop["stage"] == "map"]
        # What an aborted step had read is read again, and counted again.
        self.assertGreaterEqual(sum(loop["records_aggregated"] for loop in maps), COUNT)
        self.assertTrue(all(s["healthy"] for s in statuses))
        written = replicas[0].metrics().total("kstream_records_written_total", role="results")
        self.assertGreater(written, 0)
        self.assertGreater(replicas[0].metrics().total("kstream_result_value"), 0)

    def test_a_key_of_several_fields(self) -> None:
        self.create_topics()
        job = ["--group-by", "id_vendedor", "--group-by", "compra_internacional", "--count", "n"]
        one = self.aggregate("--http", "127.0.0.1:0", *job)
        self.produce(1_000)
        found: dict[str, dict] = {}

        def all_of_it() -> bool:
            if get(one, "/state")[0] == 200:
                found.update(listing(one, 1000))
            return sum(total["n"] for total in found.values()) == 1_000

        wait_for(all_of_it, 30, "all totals are here")
        for key, total in found.items():
            status, answer = get(one, f"/state/{quote(key, safe='')}")
            self.assertEqual((status, answer["total"]), (200, total), key)
            self.assertEqual(json.loads(key),
                             [total["id_vendedor"], total["compra_internacional"]])
        self.assertFalse(get(one, "/state")[1]["partial"])

    def test_more_workers_than_partitions_are_ready(self) -> None:
        self.create_topics()
        processes = [self.aggregate("--http", "127.0.0.1:0", "--workers", "4") for _ in range(2)]

        def ready() -> bool:
            statuses = [get(process, "/status")[1] for process in processes]
            empty = [loop for s in statuses for loop in s["loops"] if not loop["partitions"]]
            return all(s["ready"] for s in statuses) and len(empty) >= 4

        wait_for(ready, 40, "all are ready, some of them without a partition")
        for process in processes:
            # What is ready is not for a moment when its partitions go to others.
            address = f"127.0.0.1:{port_of(process)}"
            wait_for(lambda a=address: self.start("health", "--http", a).wait(10) == 0, 20, "ready")
