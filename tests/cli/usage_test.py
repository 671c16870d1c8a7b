#!/usr/bin/env python3
"""The command line from outside: streams, exit codes, secrets, broken pipes."""

import json
import os
import resource
import signal
import socket
import socketserver
import subprocess
import tempfile
import threading
import time
import unittest

from support import KSTREAM, ROOT, TIMEOUT_S, BinaryTest, clean_environment

INCOMPLETE = 6
INTERNAL = 13


class Streams(BinaryTest):
    def test_help_and_version_are_results(self):
        for arguments in (["--help"], ["-h"], ["help"], ["produce", "--help"], ["help", "metrics"],
                          ["help", "exit-codes"], ["--version"], ["-V"]):
            done = self.check_run(arguments, 0)
            self.assertNotEqual(done.stdout, "", arguments)
            self.assertEqual(done.stderr, "", arguments)

    def test_problems_are_messages(self):
        for arguments in ([], ["--nonsense"], ["nonsense"], ["produce", "--nonsense"],
                          ["help", "nonsense"], ["produce", "extra"], ["reset"],
                          ["nonsense", "--help"], ["version"], ["--help", "nonsense"],
                          ["aggregate", "--group-by", "a", "--count", "5"]):
            done = self.check_run(arguments, 2)
            self.assertEqual(done.stdout, "", arguments)
            self.assertTrue(done.stderr.startswith("kstream: "), done.stderr)

    def test_all_problems_at_once(self):
        done = self.check_run(["produce", "--sede", "1", "--rate", "x"], 2,
                              env=clean_environment(KSTREAM_COUNT="y"))
        self.assertEqual(
            done.stderr,
            "kstream: --sede: unknown option, did you mean --seed?\n"
            "kstream: KSTREAM_COUNT: 'y' is not a whole number from 0\n"
            "kstream: --rate: 'x' is not a number\n")

    def test_what_another_shape_of_records_does_not_have(self):
        done = self.check_run(["produce", "--shape", "nexmark", "--skew", "zipf"], 2,
                              env=clean_environment(KSTREAM_SELLERS="9"))
        self.assertEqual(
            done.stderr,
            "kstream: --topic must be given with --shape nexmark: financial_transactions is the "
            "topic of transactions\n"
            "kstream: --sellers with --shape nexmark: only transactions have it\n"
            "kstream: --skew with --shape nexmark: only transactions have it\n")

    def test_signals_of_daemons_and_other_programs_end_nothing(self):
        """Not even where there is no handler yet that waits: they are set before all else."""
        for number in (signal.SIGHUP, signal.SIGUSR1, signal.SIGUSR2):
            with subprocess.Popen([KSTREAM, "produce", "-b", "127.0.0.1:1"],
                                  env=clean_environment(), stdout=subprocess.PIPE,
                                  stderr=subprocess.PIPE, text=True) as process:
                process.stderr.readline()  # it has begun
                process.send_signal(number)
                process.stderr.readline()
                process.send_signal(signal.SIGTERM)
                process.stdout.close()
                process.stderr.read()
                self.assertGreaterEqual(process.wait(TIMEOUT_S), 0, number)

    def test_version_names_the_library(self):
        lines = self.check_run(["--version"], 0).stdout.splitlines()
        self.assertRegex(lines[0], r"^kstream \d+\.\d+\.\d+ \(revision [0-9a-z-]+\)$")
        self.assertRegex(lines[1], r"^librdkafka \d+\.\d+\.\d+ \(features: .*ssl.*\)$")

    def test_a_reader_that_leaves_is_not_an_error(self):
        with subprocess.Popen([KSTREAM, "--generate", "config-doc"], env=clean_environment(),
                              stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
            process.stdout.close()
            self.assertEqual(process.wait(TIMEOUT_S), 0)
            self.assertEqual(process.stderr.read(), b"")

    def test_output_that_cannot_be_written_is_an_error(self):
        with open("/dev/full", "w", encoding="utf-8") as full:
            done = subprocess.run([KSTREAM, "--help"], env=clean_environment(), stdout=full,
                                  stderr=subprocess.PIPE, timeout=TIMEOUT_S, check=False)
        self.assertEqual(done.returncode, INCOMPLETE)
        self.assertIn(b"No space left", done.stderr)


class Statements(BinaryTest):
    def explain(self, statement, code):
        return self.check_run(["explain", "--query", statement], code)

    def test_explain_asks_no_cluster(self):
        done = self.explain("select a.b, max(c::text) m from t where d > 1 group by a.b", 0)
        self.assertEqual(done.stderr, "")
        for part in ("SELECT a.b, max(c::text) AS m\nFROM t\nWHERE d > 1\nGROUP BY a.b;\n",
                     "  d (numeric)\n", "  max of c::text: 24 bytes and the text\n",
                     "  source: t\n", "  key: a\n", '  value: {"b":"a","m":"a"}\n'):
            self.assertIn(part, done.stdout)

    def test_the_statements_for_shapes_of_records(self):
        """docs/shapes/README.md says what they do; tests/integration/jobs_test.py runs them."""
        reads = {}
        for path in sorted((ROOT / "docs" / "shapes").glob("*.sql")):
            told = json.loads(self.check_run(["explain", "--json", str(path)], 0).stdout)
            reads[path.stem] = (told["topics"]["source"],
                                {one["field"]: one["type"] for one in told["reads"]})
        bids = {"event_type": "numeric", "bid.auction": "scalar", "bid.price": "numeric"}
        times = {"event_type": "numeric", **{f'{kind}."dateTime"': "text"
                                             for kind in ("bid", "auction", "person")}}
        self.assertEqual(reads, {
            "nexmark_auction_statistics": ("nexmark", bids),
            "nexmark_bids": ("nexmark", bids),
            "nexmark_q5": ("nexmark", times | {"bid.auction": "scalar"}),
            "nexmark_q7": ("nexmark", times | {"bid.price": "scalar"}),
            "nexmark_q11": ("nexmark", times | {"bid.bidder": "scalar"}),
            "nexmark_q12": ("nexmark", times | {"bid.bidder": "scalar"}),
            "nexmark_q15": ("nexmark", times | bids | {"bid.bidder": "scalar"}),
            "nexmark_q16": ("nexmark", times | bids | {
                "bid.bidder": "scalar", "bid.channel": "scalar"}),
            "nexmark_q17": ("nexmark", times | bids),
            "shuffle": ("shuffle", {
                "selector": "numeric", "id": "scalar", "value": "numeric", "ts": "numeric"}),
        })

    def test_explain_has_a_form_for_programs(self):
        done = self.check_run(
            ["explain", "--json", "--query",
             "select k, round(avg(v), 2) m, min(t::timestamptz) d, count(*) n from s group by k"],
            0)
        told = json.loads(done.stdout)
        self.assertEqual(told["statement"].splitlines()[1], "FROM s")
        self.assertEqual(told["reads"][0], {"field": "k", "type": "scalar"})
        self.assertEqual(told["group_by"], [{"expression": "k", "type": "scalar"}])
        self.assertEqual([column["name"] for column in told["columns"]], ["k", "m", "d", "n"])
        self.assertEqual(told["example"], {
            "key": "a", "value": {"k": "a", "m": 1, "d": "2026-01-31T12:00:00Z", "n": 1}})
        self.assertEqual(told["bytes_per_key"], 24 * len(told["kept"]))
        done = self.check_run(["explain", "--json", "--query",
                               "select k, count(*) n from s group by k having count(*) > 1"], 0)
        self.assertEqual(json.loads(done.stdout)["bytes_per_key"], 24 + 1)  # and HAVING's answer
        self.assertEqual(told["topics"]["source"], "s")
        self.assertNotIn("sample", told)

    def test_the_example_of_a_result_does_not_ask_having(self):
        """One record is not three: there was no value, and no JSON around it."""
        done = self.check_run(["explain", "--json", "--query",
                               "select k, count(*) n from s group by k having count(*) >= 3"], 0)
        self.assertEqual(json.loads(done.stdout)["example"],
                         {"key": "a", "value": {"k": "a", "n": 1}})

    def test_explain_shows_windows_of_event_time(self):
        from_day = ("from tumble(s, to_timestamp(t), 'day', 'America/Sao_Paulo', "
                    "grace => interval '2 hours') group by k, window_start")
        done = self.check_run(["explain", "--json", "--query",
                               "select k, window_start, window_end e, count(*) n " + from_day], 0)
        told = json.loads(done.stdout)
        self.assertEqual(told["example"], {
            "key": '["a","2026-01-31T03:00:00Z"]',
            "value": {"k": "a", "window_start": "2026-01-31T03:00:00Z",
                      "e": "2026-02-01T03:00:00Z", "n": 1}})
        self.assertEqual(told["event_time"]["window"]["zone"], "America/Sao_Paulo")
        self.assertEqual(len(told["event_time"]["next"]), 5)
        self.assertEqual(told["event_time"]["late_topic"], "kstream-late")
        done = self.explain("select count(*) n, count(distinct id) d from hop(s, to_timestamp(t), "
                            "interval '1 minute', interval '1 hour', grace => interval "
                            "'0 seconds') group by window_start", 0)
        for part in ("  window_start (timestamptz)\n", '  key: ["2026-01-31T12:00:00Z"]\n',
                     "Event time:\n  time of a record: to_timestamp(t)\n"):
            self.assertIn(part, done.stdout)

    def test_a_sample_asks_the_cluster(self):
        done = self.check_run(["explain", "--query", "select count(*) n from s", "--sample", "0"],
                              2)
        self.assertIn("--sample: '0' is not within 1 .. ", done.stderr)

    def test_explain_for_postgres(self):
        done = self.check_run(["explain", "--as", "postgres", "--query",
                               "SELECT a.b AS k, sum(c) AS s FROM t WHERE d > 1 GROUP BY a.b"], 0)
        self.assertEqual(done.stderr, "")
        for part in ("--   FROM t\n", "CREATE FUNCTION err()",
                     "\\copy records FROM 'records.tsv'\n", "--   f1 is a.b\n",
                     "CREATE TABLE judged AS\n", 'AS "s"\nFROM finished\n'):
            self.assertIn(part, done.stdout)

    def test_explain_windows_for_postgres(self):
        done = self.check_run(["explain", "--as", "postgres", "--query",
                               "SELECT window_start, count(*) n FROM tumble(t, to_timestamp(c), "
                               "'day', 'America/St_Johns', grace => INTERVAL '1 hour', emit => "
                               "'final', idle => 'never') GROUP BY window_start"], 0)
        self.assertEqual(done.stderr, "")
        for part in ("calendar_window('day', 'America/St_Johns', event_time)",
                     "WHEN time_window[2] + 3600000 <= watermark THEN 'late'\n",
                     "CREATE TABLE reached AS\n"):
            self.assertIn(part, done.stdout)

    def test_names_do_not_leave_the_comments_of_a_script(self):
        """What a person hands to psql must not hold commands of whoever named a field."""
        for end in ("\n", "\r", "\r\n"):
            done = self.check_run(["explain", "--as", "postgres", "--query",
                                   f'SELECT count("x{end}\\! id") AS n FROM t'], 0)
            lines = done.stdout.replace("\r", "\n").split("\n")
            self.assertTrue(any("\\! id" in line for line in lines))
            for line in lines:
                if "\\! id" in line:
                    self.assertTrue(line.startswith("--"), line)

    def test_lateness_wants_event_time(self):
        done = self.check_run(["lateness", "--query", "select count(*) n from t"], 2)
        self.assertEqual(done.stdout, "")
        self.assertIn("it has no event time; write FROM tumble(topic, time, ", done.stderr)
        done = self.check_run(["lateness", "--query",
                               "select count(*) n from events(t, to_timestamp(a))"], 2)
        self.assertIn("events has no windows", done.stderr)

    def test_a_zone_that_the_machine_does_not_have(self):
        done = self.explain("SELECT date_trunc('day', a::timestamptz, 'No/Where') AS d FROM t "
                            "GROUP BY date_trunc('day', a::timestamptz, 'No/Where')", 2)
        self.assertIn("the time zone 'No/Where'", done.stderr)

    def test_what_is_wrong_has_a_caret(self):
        done = self.explain("SELECT nix(a) AS b FROM t", 2)
        self.assertEqual(done.stdout, "")
        first, line, caret = done.stderr.splitlines()[:3]
        self.assertTrue(first.startswith("kstream: --query:1:8: "), first)
        self.assertEqual(line[caret.index("^"):][:3], "nix")


class OutOfMemory(BinaryTest):
    def test_it_is_no_verdict_about_totals(self):
        """It ended with 1, which is what bench and audit say of wrong totals."""
        def little_memory():
            resource.setrlimit(resource.RLIMIT_AS, (100 << 20, 100 << 20))

        done = self.check_run(["bench", "--scenario", "decode", "--records", "1M",
                               "--sellers", "3000000", "--rounds", "1"], INTERNAL,
                              preexec_fn=little_memory)
        self.assertIn("kstream: out of memory: give the process more", done.stderr)


class Bench(BinaryTest):
    def test_decoding_needs_no_cluster(self):
        few = ["bench", "--scenario", "decode", "--records", "20k", "--rounds", "2"]
        done = self.check_run([*few, "--json", "-b", "127.0.0.1:1"], 0)
        result = json.loads(done.stdout)
        self.assertEqual([s["name"] for s in result["scenarios"]], ["decode"])
        self.assertIsNone(result["cluster"])
        for figure in result["scenarios"][0]["figures"]:
            self.assertEqual(len(figure["rounds"]), 2, figure)
            self.assertGreater(figure["median"], 0, figure)
        self.assertIn("decode_records_per_second", self.check_run(few, 0).stdout)

    def test_against_an_earlier_result(self):
        few = ["bench", "--scenario", "decode", "--records", "20k", "--rounds", "2"]
        result = json.loads(self.check_run([*few, "--json"], 0).stdout)

        def compare(factor, code, *more):
            earlier = json.loads(json.dumps(result))
            for figure in earlier["scenarios"][0]["figures"]:
                figure["rounds"] = [value * factor for value in figure["rounds"]]
            with tempfile.NamedTemporaryFile("w", suffix=".json") as file:
                json.dump(earlier, file)
                file.flush()
                return self.check_run([*few, *more, "--against", file.name], code)

        self.assertIn("better", compare(0.01, 0).stdout)
        self.assertIn("worse", compare(100, 10).stdout)
        machine = compare(100, 10, "--json")
        json.loads(machine.stdout)
        self.assertIn("worse", machine.stderr)
        self.assertIn("sellers 3, now 4", compare(1, 2, "--sellers", "4").stderr)
        self.check_run([*few, "--against", "/nonexistent"], 2)

    def test_without_a_cluster_nothing_is_reported(self):
        done = self.check_run(["bench", "--scenario", "consume", "-b", "127.0.0.1:1"], 3)
        self.assertEqual(done.stdout, "")


class Files(BinaryTest):
    def test_files_that_stand_in_the_way_are_named_at_once(self):
        """Without a cluster, which would be waited for first."""
        nowhere = ("-b", "127.0.0.1:1")
        tls = ("-X", "security.protocol=ssl", "-X", "ssl.ca.location=/nowhere/ca.pem")
        for arguments, words in (
            (["audit", "--base", "/nowhere/base", *nowhere],
             "--base /nowhere/base: cannot be read: No such file or directory"),
            (["audit", "--save-base", "/nowhere/base", *nowhere],
             "nothing can be written in /nowhere: No such file or directory"),
            (["produce", *tls, *nowhere],
             "client property ssl.ca.location: /nowhere/ca.pem cannot be read"),
            (["aggregate", "--config", "/nowhere/kstream.conf"],
             "/nowhere/kstream.conf: cannot be opened: No such file or directory"),
        ):
            began = time.monotonic()
            done = self.check_run(arguments, 2)
            self.assertIn(words, done.stderr.splitlines()[-1])
            self.assertLess(time.monotonic() - began, 5, arguments)


class Ports(BinaryTest):
    def test_a_port_in_use_is_the_last_word(self):
        with socket.socket() as other:
            other.bind(("127.0.0.1", 0))
            other.listen()
            address = f"127.0.0.1:{other.getsockname()[1]}"
            done = self.check_run(["produce", "--http", address, "-b", "127.0.0.1:1"], 2)
        self.assertIn("Address already in use", done.stderr.splitlines()[-1])

    def test_a_port_that_is_no_broker_is_named_soon(self):
        """By every subcommand that talks to a cluster, as the last word. It takes two to three
        seconds; the bound is for machines that have other things to do."""
        class Web(socketserver.BaseRequestHandler):
            def handle(self):
                self.request.recv(4)
                self.request.sendall(b"HTTP/1.1 400 Bad Request\r\n\r\n")

        with socketserver.ThreadingTCPServer(("127.0.0.1", 0), Web) as web:
            web.handle_error = lambda *_: None  # connections that were closed meanwhile
            web.daemon_threads = True
            thread = threading.Thread(target=web.serve_forever)
            thread.start()
            address = f"127.0.0.1:{web.server_address[1]}"
            try:
                for arguments in (["produce"], ["aggregate"], ["audit"], ["create-topics"],
                                  ["reset", "--application-id", "a"],
                                  ["bench", "--scenario", "consume"]):
                    began = time.monotonic()
                    done = self.check_run([*arguments, "-b", address], 4)
                    self.assertIn(f"{address} speaks HTTP, not Kafka's protocol",
                                  done.stderr.splitlines()[-1])
                    self.assertLess(time.monotonic() - began, 15, arguments)
            finally:
                web.shutdown()
                thread.join()


class Configuration(BinaryTest):
    def test_precedence(self):
        with tempfile.NamedTemporaryFile("w", suffix=".conf") as file:
            file.write("[produce]\nseed = 1\nusers = 1\nsellers = 1\n")
            file.flush()
            done = self.check_run(
                ["produce", "--seed", "3", "--print-config"], 0,
                env=clean_environment(KSTREAM_CONFIG=file.name, KSTREAM_SEED="2",
                                      KSTREAM_USERS="2"))
            self.assertIn('\nseed = "3"  # --seed\n', done.stdout)
            self.assertIn('\nusers = "2"  # KSTREAM_USERS\n', done.stdout)
            self.assertIn(f'\nsellers = "1"  # {file.name}:4: sellers\n', done.stdout)
            self.assertIn('\nlocations = "50"  # default\n', done.stdout)

    def test_secrets_do_not_come_out(self):
        canary = "c4n4ry-secret"
        with tempfile.NamedTemporaryFile("w", suffix=".conf") as file:
            file.write(f"[client]\nsasl.password = {canary}\nssl.key.pem = '{canary}'\n")
            file.flush()
            runs = [
                (["produce", "--config", file.name, "--print-config"], 0),
                (["produce", "--config", file.name, "--nonsense"], 2),
                (["produce", "-X", f"sasl.password={canary}"], 2),
                (["produce", "-X", f"sasl.oauthbearer.client.secret={canary}", "--help"], 0),
                (["produce", "--config", file.name, "-X", "security.protocol=nonsense",
                  "-X", "sasl.mechanisms=nonsense", "-b", "127.0.0.1:1"], None),
            ]
            for arguments, code in runs:
                env = clean_environment(KSTREAM_X_SSL_KEY_PASSWORD=canary)
                done = subprocess.run([KSTREAM, *arguments], env=env, capture_output=True,
                                      text=True, timeout=TIMEOUT_S, check=False)
                if code is not None:
                    self.assertEqual(done.returncode, code, done.stderr)
                self.assertNotIn(canary, done.stdout + done.stderr, arguments)

    def test_a_readable_file_with_secrets_is_refused(self):
        with tempfile.NamedTemporaryFile("w", suffix=".conf") as file:
            file.write("[client]\nsasl.password = hunter2\n")
            file.flush()
            os.chmod(file.name, 0o644)
            done = self.check_run(["produce", "--config", file.name, "--print-config"], 2)
            self.assertIn("chmod 600", done.stderr)

    def test_a_property_that_librdkafka_does_not_know_is_a_usage_error(self):
        done = self.check_run(["produce", "-b", "127.0.0.1:1", "-X", "no.such.property=1"], 2)
        self.assertIn("no.such.property", done.stderr)


if __name__ == "__main__":
    unittest.main()
