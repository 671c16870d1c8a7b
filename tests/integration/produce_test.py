#!/usr/bin/env python3
"""kstream produce against the cluster of scripts/cluster.sh, read back with Kafka's own tools.

What was acknowledged must be in the log exactly once, and what is in the log must be what the seed
says: the records are made a second time here, in Python, from the description in
include/kstream/core/generator.hpp.

Runs alone (python3 tests/integration/produce_test.py [-k NAME]) or from a runner that imports it.
KSTREAM names the binary; else the newest build/*/bin/kstream is taken. The tests in
BrokerFailureTest kill and pause brokers of the shared cluster for some seconds each.
"""

import glob
import json
import os
import re
import signal
import subprocess
import sys
import tempfile
import time
import unittest
import uuid

from harness import shapes
from harness.cluster import pid_of, record_count, wait_until_known
from harness.waiting import wait_for

ROOT = os.path.abspath(os.path.join(os.path.dirname(__file__), "..", ".."))
CLUSTER = os.path.join(ROOT, "scripts", "cluster.sh")
BROKERS = "localhost:29092,localhost:39092,localhost:49092"
RUN = f"prod-it-{os.getpid()}"
START = 1_700_000_000
MASK = (1 << 64) - 1


def binary():
    if "KSTREAM" in os.environ:
        return os.environ["KSTREAM"]
    found = glob.glob(os.path.join(ROOT, "build", "*", "bin", "kstream"))
    if not found:
        raise unittest.SkipTest("no kstream binary: build it or set KSTREAM")
    return max(found, key=os.path.getmtime)


# ---- the generator, a second time ---------------------------------------------------------------


def splitmix64(seed, index):
    word = (seed + (index + 1) * 0x9E3779B97F4A7C15) & MASK
    word = ((word ^ (word >> 30)) * 0xBF58476D1CE4E5B9) & MASK
    word = ((word ^ (word >> 27)) * 0x94D049BB133111EB) & MASK
    return word ^ (word >> 31)


def expected_record(seed, index, users=1000, sellers=3, locations=50):
    words = [splitmix64(splitmix64(seed, stream), index) for stream in range(7)]

    def in_range(word, bound):
        return word * bound >> 64

    high = (words[0] & ~0xF000) | 0x4000
    low = (words[1] & ((1 << 62) - 1)) | (1 << 63)
    digits = in_range(words[6], 2 * 4 * 3 * 2)
    digits, kind = divmod(digits, 2)
    digits, method = divmod(digits, 4)
    international, currency = divmod(digits, 3)
    return {
        "id_transacao": str(uuid.UUID(int=high << 64 | low)),
        "id_usuario": f"user_{1 + in_range(words[2], users)}",
        "valor": (100 + in_range(words[3], 15_000_000 - 100 + 1)) / 100,
        "hora_transacao": START + index // 1000,
        "id_vendedor": f"vendedor_{1 + in_range(words[4], sellers)}",
        "tipo_transacao": ("compra", "venda")[kind],
        "localizacao": f"localizacao_{1 + in_range(words[5], locations)}",
        "metodo_pagamento": ("cartao", "transferencia", "dinheiro", "pix")[method],
        "compra_internacional": bool(international),
        "moeda": ("BRL", "USD", "EUR")[currency],
    }


def murmur2(key):
    hashed = 0x9747B28C ^ len(key)
    words = len(key) // 4
    for i in range(words):
        k = int.from_bytes(key[4 * i : 4 * i + 4], "little") * 0x5BD1E995 & 0xFFFFFFFF
        k = (k ^ (k >> 24)) * 0x5BD1E995 & 0xFFFFFFFF
        hashed = (hashed * 0x5BD1E995 & 0xFFFFFFFF) ^ k
    tail = key[4 * words :]
    if tail:
        hashed = (hashed ^ int.from_bytes(tail, "little")) * 0x5BD1E995 & 0xFFFFFFFF
    hashed = (hashed ^ (hashed >> 13)) * 0x5BD1E995 & 0xFFFFFFFF
    return hashed ^ (hashed >> 15)


# ---- the cluster, through Kafka's own tools -----------------------------------------------------


def tool(name, *args):
    command = [CLUSTER, "tool", name, "--bootstrap-server", BROKERS, *args]
    # A short life needs no optimizing compiler.
    quick = os.environ | {"JAVA_TOOL_OPTIONS": "-XX:TieredStopAtLevel=1"}
    return subprocess.run(
        command, check=True, capture_output=True, text=True, timeout=180, env=quick
    ).stdout


def end_offsets(topic):
    """Partition -> number of records: no topic here is compacted, purged or transactional."""
    lines = tool("kafka-get-offsets", "--topic", topic).split()
    return {int(line.split(":")[1]): int(line.split(":")[2]) for line in lines}


def read_topic(topic):
    """All records as (partition, key, value), in the order of the console consumer."""
    count = sum(end_offsets(topic).values())
    if count == 0:
        return []
    text = tool(
        "kafka-console-consumer", "--topic", topic, "--from-beginning",
        "--max-messages", str(count), "--timeout-ms", "60000",
        "--formatter-property", "print.partition=true",
        "--formatter-property", "print.key=true",
        "--formatter-property", "key.separator=\t",
    )  # fmt: skip
    records = []
    for line in text.splitlines():
        partition, key, value = line.split("\t", 2)
        records.append((int(partition.split(":")[1]), key, value))
    if len(records) != count:
        raise AssertionError(f"{topic}: {len(records)} records read, offsets say {count}")
    return records


def cluster(*args):
    subprocess.run([CLUSTER, *args], check=True, capture_output=True, timeout=180)


class PausedBrokers:
    """All three brokers stopped (SIGSTOP) within the block: connections stay, nobody answers."""

    def __enter__(self):
        self.pids = [pid_of(f"broker-{number}") for number in (1, 2, 3)]
        for pid in self.pids:
            os.kill(pid, signal.SIGSTOP)
        return self

    def __exit__(self, *_):
        for pid in self.pids:
            os.kill(pid, signal.SIGCONT)


class Run:
    """One kstream produce --json in the background."""

    def __init__(self, topic, *args, brokers=BROKERS, results=f"{RUN}-results"):
        self.topic = topic
        self.err_file = tempfile.NamedTemporaryFile(mode="r")
        command = [
            binary(), "produce", "--brokers", brokers, "--topic", topic, "--json", *args,
        ]  # fmt: skip
        if results:
            command += ["--output-topic", results]
        # Opened twice: one position for both would have it write where we begin to read.
        with open(self.err_file.name, "wb") as err:
            self.process = subprocess.Popen(
                command, stdout=subprocess.PIPE, stderr=err, text=True
            )

    def stderr(self):
        self.err_file.seek(0)
        return self.err_file.read()

    def wait_for(self, text, seconds, since=0):
        """Waits until the log, from character `since` on, has `text`."""
        deadline = time.monotonic() + seconds
        while text not in self.stderr()[since:]:
            if time.monotonic() > deadline or self.process.poll() is not None:
                raise AssertionError(f"no '{text}' in: {self.stderr()}")
            time.sleep(0.05)

    def wait_for_more(self, records, seconds=60):
        """Waits until the topic holds that many more than now."""
        wait_until_known([self.topic])  # the producer has asked some broker, not each of them
        least = record_count(self.topic) + records
        wait_for(lambda: record_count(self.topic) >= least, seconds, f"{least} records are written")

    def finish(self, seconds=120):
        """Exit code and the summary, None when there is none."""
        out, _ = self.process.communicate(timeout=seconds)
        return self.process.returncode, json.loads(out) if out else None

    def stop(self):
        if self.process.poll() is None:
            self.process.kill()
            self.process.communicate()
        self.err_file.close()


class ProduceTestCase(unittest.TestCase):
    @classmethod
    def tearDownClass(cls):
        # --topic is a regular expression here.
        subprocess.run(
            [CLUSTER, "tool", "kafka-topics", "--bootstrap-server", BROKERS, "--delete",
             "--topic", re.escape(RUN) + "-.*"],
            capture_output=True, timeout=180, check=False,
        )  # fmt: skip

    def start(self, topic, *args, **kwargs):
        run = Run(topic, *args, **kwargs)
        self.addCleanup(run.stop)
        return run

    def produce(self, topic, *args):
        run = self.start(topic, *args)
        code, summary = run.finish()
        self.assertIsNotNone(summary, run.stderr())
        return code, summary, run.stderr()

    def assert_accounted(self, summary):
        answered = summary["acknowledged"] + summary["failed"] + summary["unknown"]
        self.assertEqual(answered, summary["made"], summary)

    def assert_each_once(self, records):
        keys = [key for _, key, _ in records]
        self.assertEqual(len(set(keys)), len(keys), "a record is in the log twice")


class RecordsTest(ProduceTestCase):
    COUNT = 20_000

    def test_the_records_are_those_of_the_seed_whatever_threads_and_rate(self):
        args = ("--count", str(self.COUNT), "--seed", "7", "--start-time", str(START))
        variants = {
            "fast": (),
            "threads": ("--threads", "3"),
            "paced": ("--rate", "15000", "--threads", "2", "--compression", "none"),
            "small-batches": (
                "-X", "batch.num.messages=7", "-X", "queue.buffering.max.messages=500",
            ),
        }
        expected = []
        for index in range(self.COUNT):
            record = expected_record(7, index)
            key = record["id_transacao"]
            partition = (murmur2(key.encode()) & 0x7FFFFFFF) % 6
            expected.append((partition, key, json.dumps(record)))
        expected.sort()
        for name, more in variants.items():
            with self.subTest(name):
                topic = f"{RUN}-records-{name}"
                code, summary, _ = self.produce(topic, *args, *more)
                self.assertEqual(code, 0)
                self.assertEqual(summary["acknowledged"], self.COUNT)
                self.assert_accounted(summary)
                self.assertEqual(summary["count"], self.COUNT)
                self.assertEqual(sorted(read_topic(topic)), expected)

    def test_the_records_of_other_shapes_are_those_of_the_seed_in_their_order(self):
        for shape in ("nexmark", "shuffle"):
            expected = [[] for _ in range(6)]
            for index, line in enumerate(shapes.records(shape, 7, 2000, START, (250_000, 1500))):
                expected[index % 6].append(line)
            size = sum(len(line) for lines in expected for line in lines)
            # Each of six partitions has one writer, so its order is that of the numbers.
            for threads in ("1", "3"):
                with self.subTest(shape, threads=threads):
                    topic = f"{RUN}-{shape}-{threads}"
                    run = self.start(
                        topic, "--shape", shape, "--count", "2000", "--seed", "7",
                        "--start-time", str(START), "--out-of-order", "0.25",
                        "--out-of-order-by", "1500ms", "--threads", threads, results=None,
                    )  # fmt: skip
                    code, summary = run.finish()
                    self.assertEqual(code, 0, run.stderr())
                    self.assertEqual(summary["acknowledged"], 2000)
                    self.assertEqual(summary["bytes"], size)
                    found = [[] for _ in range(6)]
                    for partition, key, value in read_topic(topic):
                        self.assertEqual(key, "null")
                        found[partition].append(value)
                    self.assertEqual(found, expected)

    def test_another_seed_gives_other_records(self):
        topic = f"{RUN}-seeds"
        for seed in ("1", "2"):
            code, _, _ = self.produce(topic, "--count", "2000", "--seed", seed)
            self.assertEqual(code, 0)
        self.assert_each_once(read_topic(topic))

    def test_cardinalities_are_honored(self):
        topic = f"{RUN}-cardinalities"
        code, _, _ = self.produce(
            topic, "--count", "3000", "--users", "2", "--sellers", "5", "--locations", "1"
        )
        self.assertEqual(code, 0)
        values = [json.loads(value) for _, _, value in read_topic(topic)]
        self.assertEqual({v["id_usuario"] for v in values}, {"user_1", "user_2"})
        self.assertEqual({v["id_vendedor"] for v in values}, {f"vendedor_{n}" for n in range(1, 6)})
        self.assertEqual({v["localizacao"] for v in values}, {"localizacao_1"})

    def test_both_topics_are_made(self):
        topic = f"{RUN}-made"
        code, _, _ = self.produce(topic, "--count", "1")
        self.assertEqual(code, 0)
        for name in (topic, f"{RUN}-results"):
            described = tool("kafka-topics", "--describe", "--topic", name)
            self.assertIn("PartitionCount: 6", described)
            self.assertIn("ReplicationFactor: 3", described)

    def test_nothing_to_make_is_a_whole_run(self):
        code, summary, _ = self.produce(f"{RUN}-none", "--count", "0")
        self.assertEqual(code, 0)
        self.assertEqual(summary["made"], 0)
        self.assertEqual(sum(end_offsets(f"{RUN}-none").values()), 0)


class ScheduleTest(ProduceTestCase):
    def test_a_rate_over_a_time_makes_every_record_that_is_due(self):
        topic = f"{RUN}-rate"
        code, summary, _ = self.produce(topic, "--rate", "2000", "--duration", "3s")
        self.assertEqual(code, 0)
        self.assertEqual(summary["behind"], 0)
        self.assertEqual(summary["acknowledged"], 6000)
        self.assertGreaterEqual(summary["seconds"], 2.9)
        self.assertEqual(summary["latency_from"], "intended_time")
        self.assertEqual(sum(end_offsets(topic).values()), 6000)

    def test_the_summary_names_what_repeats_the_run(self):
        topic = f"{RUN}-repeat"
        # With a rate: as fast as it goes are more than can be read back in any time.
        _, first, _ = self.produce(topic, "--duration", "1s", "--rate", "20000", "--seed", "11")
        _, second, _ = self.produce(
            topic, "--seed", str(first["seed"]), "--start-time", str(first["start_time"]),
            "--count", str(first["count"]),
        )  # fmt: skip
        self.assertEqual(second["acknowledged"], first["acknowledged"])
        values = sorted(value for _, _, value in read_topic(topic))
        self.assertEqual(values[0::2], values[1::2])


class StopTest(ProduceTestCase):
    def test_a_signal_ends_an_endless_run_with_everything_acknowledged(self):
        for number, name in ((signal.SIGINT, "int"), (signal.SIGTERM, "term")):
            with self.subTest(name):
                topic = f"{RUN}-stop-{name}"
                run = self.start(topic, "--threads", "2")
                run.wait_for("producing", 60)
                run.wait_for_more(1)
                run.process.send_signal(number)
                began = time.monotonic()
                code, summary = run.finish()
                self.assertLess(time.monotonic() - began, 15)
                self.assertEqual(code, 0, run.stderr())
                self.assertGreater(summary["acknowledged"], 0)
                self.assertEqual(summary["acknowledged"], summary["made"])
                self.assertEqual(sum(end_offsets(topic).values()), summary["acknowledged"])

    def test_it_says_that_it_waits_for_brokers_and_can_be_stopped(self):
        run = self.start(f"{RUN}-nowhere", brokers="127.0.0.1:9")
        run.wait_for("waiting for brokers", 20)
        run.process.send_signal(signal.SIGINT)
        code, summary = run.finish(20)
        self.assertEqual(code, 3, run.stderr())
        self.assertIsNone(summary)


class RefusedTest(ProduceTestCase):
    def test_records_that_the_topic_refuses_are_failed_and_stay_out_of_the_log_lines(self):
        topic = f"{RUN}-small"
        tool("kafka-topics", "--create", "--topic", topic, "--partitions", "2",
             "--config", "max.message.bytes=200")  # fmt: skip
        code, summary, log = self.produce(topic, "--count", "100")
        self.assertEqual(code, 6)
        self.assertEqual(summary["failed"], 100)
        self.assertEqual(summary["unknown"], 0)
        self.assertIn(f"record for {topic} [", log)
        self.assertIn("max.message.bytes", log)
        self.assertNotIn("id_transacao", log)
        self.assertEqual(sum(end_offsets(topic).values()), 0)

    def test_an_endless_run_stops_at_the_first_record_that_cannot_be_delivered(self):
        topic = f"{RUN}-small-endless"
        tool("kafka-topics", "--create", "--topic", topic, "--partitions", "2",
             "--config", "max.message.bytes=200")  # fmt: skip
        run = self.start(topic, "--rate", "1000")
        code, summary = run.finish(60)
        self.assertEqual(code, 6, run.stderr())
        self.assertEqual(summary["acknowledged"], 0)
        self.assert_accounted(summary)


class BrokerFailureTest(ProduceTestCase):
    def tearDown(self):
        cluster("up")  # whatever happened, the next test finds three brokers

    def test_acknowledged_is_present_exactly_once_when_a_broker_is_killed_and_returns(self):
        topic = f"{RUN}-kill"
        # Without an end: how many are made before another broker leads what this one did is a
        # matter of time.
        run = self.start(topic, "--rate", "10000", "--threads", "2")
        run.wait_for("producing", 60)
        run.wait_for_more(30_000)
        cluster("kill", "broker-2")
        try:
            # Also what it led has another leader by then.
            run.wait_for_more(50_000)
        finally:
            cluster("start", "broker-2")
        run.wait_for_more(10_000)
        run.process.send_signal(signal.SIGTERM)
        code, summary = run.finish(60)
        self.assertEqual(code, 0, run.stderr())
        self.assertEqual(summary["acknowledged"], summary["made"])
        records = read_topic(topic)
        self.assertEqual(len(records), summary["acknowledged"])
        self.assert_each_once(records)

    def test_it_waits_while_no_broker_answers_and_goes_on(self):
        topic = f"{RUN}-pause"
        run = self.start(topic, "--rate", "5000", "--count", "60000")
        run.wait_for("producing", 60)
        run.wait_for_more(5_000)
        # One of before, of brokers that were slow, is none of this pause.
        before = len(run.stderr())
        with PausedBrokers():
            run.wait_for("waiting for brokers", 8, since=before)
        run.wait_for("resumed", 60, since=before)
        code, summary = run.finish(120)
        self.assertEqual(code, 0, run.stderr())
        self.assertEqual(summary["acknowledged"], 60_000)
        self.assertEqual(run.stderr().count("waiting for brokers"), run.stderr().count("resumed"))
        # A pause of three seconds and more shows as that, not as one slow record.
        self.assertGreater(summary["latency_ms"]["max"], 2500)
        records = read_topic(topic)
        self.assertEqual(len(records), 60_000)
        self.assert_each_once(records)

    def test_a_stop_while_no_broker_answers_is_bounded_and_tells_what_is_certain(self):
        topic = f"{RUN}-giveup"
        run = self.start(topic)
        run.wait_for("producing", 60)
        run.wait_for_more(1)
        with PausedBrokers():
            run.wait_for("waiting for brokers", 8)
            run.process.send_signal(signal.SIGINT)
            began = time.monotonic()
            code, summary = run.finish(40)
            self.assertLess(time.monotonic() - began, 20)
        self.assertEqual(code, 6, run.stderr())
        self.assert_accounted(summary)
        self.assertGreater(summary["failed"], 0)
        self.assertGreater(summary["unknown"], 0)
        cluster("up")  # the brokers were away for long enough to be fenced
        records = read_topic(topic)
        self.assert_each_once(records)
        self.assertGreaterEqual(len(records), summary["acknowledged"])
        self.assertLessEqual(len(records), summary["acknowledged"] + summary["unknown"])


if __name__ == "__main__":
    sys.exit(unittest.main(verbosity=2))
