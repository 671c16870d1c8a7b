#!/usr/bin/env python3
"""Metrics, health and signals of a running process that finds no cluster: port 1 answers nobody."""

import json
import re
import shutil
import signal
import socket
import subprocess
import threading
import time
import unittest
import urllib.error
import urllib.request
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer

from support import KSTREAM, ROOT, TIMEOUT_S, BinaryTest, clean_environment

NOBODY = "127.0.0.1:1"


@contextmanager
def running(*arguments):
    """A process with --http on a free port, from the moment on that it listens: (process, port)."""
    process = subprocess.Popen(
        [KSTREAM, *arguments, "-b", NOBODY, "--http", "127.0.0.1:0"], env=clean_environment(),
        stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
    try:
        for line in process.stderr:
            listening = re.search(r"http server listens host=127\.0\.0\.1 port=(\d+)", line)
            if listening:
                yield process, int(listening.group(1))
                break
        else:
            raise AssertionError(f"never listened, exit code {process.wait(TIMEOUT_S)}")
    finally:
        process.kill()
        process.stderr.close()
        process.wait(TIMEOUT_S)


def get(port, path):
    """(status, body)"""
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}{path}", timeout=TIMEOUT_S) as answer:
            return answer.status, answer.read().decode()
    except urllib.error.HTTPError as error:
        with error:
            return error.code, error.read().decode()


def promtool():
    """That scripts/setup.sh has brought."""
    own = ROOT / "build" / "deps" / "bin" / "promtool"
    found = str(own) if own.exists() else shutil.which("promtool")
    assert found, "no promtool: run scripts/setup.sh"
    return found


class Http(BinaryTest):
    def test_paths(self):
        with running("aggregate") as (_, port):
            status, metrics = get(port, "/metrics")
            self.assertEqual(status, 200)
            self.assertIn("\nkstream_build_info{version=", metrics)
            self.assertIn("\nprocess_cpu_seconds_total ", metrics)
            self.assertEqual(get(port, "/healthz"), (200, "ok\n"))
            self.assertEqual(get(port, "/readyz"), (503, "starting\n"))
            self.assertEqual(get(port, "/nowhere")[0], 404)

    def test_status_is_json(self):
        with running("aggregate", "--application-id", "a.b_c-1") as (_, port):
            status, text = get(port, "/status")
            shown = json.loads(text)
            self.assertEqual((status, shown["command"]), (200, "aggregate"))
            self.assertEqual(shown["application_id"], "a.b_c-1")
            self.assertEqual((shown["ready"], shown["readiness"]), (False, "starting"))
            self.assertEqual(shown["http"], f"127.0.0.1:{port}")
            self.assertEqual(shown["job"]["aggregates"],
                             ["valor_total_por_vendedor", "numero_transacoes"])
            self.assertEqual((shown["loops"], shown["produce"]), ([], None))

    def test_state_before_there_is_one(self):
        with running("aggregate", "--http-advertise", "me.example:80") as (_, port):
            for path in ("/state", "/state/vendedor_1"):
                status, text = get(port, path)
                self.assertEqual(status, 503)
                self.assertIn("starting", json.loads(text)["error"])
            self.assertEqual(get(port, "/state?limit=0")[0], 400)
            self.assertEqual(json.loads(get(port, "/status")[1])["http"], "me.example:80")
        with running("produce", "--count", "1") as (_, port):
            self.assertEqual(get(port, "/state")[0], 404)

    def test_advertised_addresses_are_checked(self):
        for address in ("host", "host:0", "ho st:1", "[::1:1", ":1"):
            done = self.check_run(["aggregate", "--http", "127.0.0.1:0", "--http-advertise",
                                   address], 2)
            self.assertIn("--http-advertise", done.stderr)
        self.check_run(["aggregate", "--http-advertise", "host:1"], 2)

    def test_promtool_has_nothing_to_say(self):
        with running("produce", "--count", "1") as (_, port):
            done = subprocess.run([promtool(), "check", "metrics"], input=get(port, "/metrics")[1],
                                  capture_output=True, text=True, timeout=TIMEOUT_S, check=False)
        self.assertEqual((done.returncode, done.stdout, done.stderr), (0, "", ""))

    def test_a_taken_port_is_said_at_the_start(self):
        with socket.create_server(("127.0.0.1", 0)) as taken:
            address = f"127.0.0.1:{taken.getsockname()[1]}"
            done = self.check_run(["aggregate", "-b", NOBODY, "--http", address], 2)
        self.assertIn("Address already in use", done.stderr)

    def test_only_the_loopback_without_more_words(self):
        done = self.check_run(["aggregate", "--http", "0.0.0.0:0"], 2)
        self.assertIn("--http-allow-remote", done.stderr)


class Health(BinaryTest):
    """kstream health, as the health check of a container runs it: options from the environment."""

    def health(self, code, **variables):
        done = self.check_run(["health"], code, env=clean_environment(**variables))
        self.assertEqual(done.stderr if code != 2 else "", "")
        return done.stdout

    def test_a_process_that_is_not_ready(self):
        with running("aggregate") as (_, port):
            self.assertEqual(self.health(8, KSTREAM_HTTP=f"127.0.0.1:{port}"),
                             "not ready: starting\n")

    def test_a_process_that_is_ready_and_listens_everywhere(self):
        class Ready(BaseHTTPRequestHandler):
            def do_GET(self):
                self.send_response(200 if self.path == "/readyz" else 404)
                self.end_headers()
                self.wfile.write(b"ok\n")

            def log_message(self, *_):
                pass

        with HTTPServer(("0.0.0.0", 0), Ready) as server:
            threading.Thread(target=server.handle_request, daemon=True).start()
            self.assertEqual(
                self.health(0, KSTREAM_HTTP=f"0.0.0.0:{server.server_port}",
                            KSTREAM_WORKERS="2", KSTREAM_BROKERS="broker:9092"), "ready: ok\n")

    def test_nobody_there(self):
        self.assertIn("Connection refused", self.health(8, KSTREAM_HTTP=NOBODY))

    def test_a_process_that_hangs_costs_two_seconds(self):
        with socket.create_server(("127.0.0.1", 0)) as silent:
            begin = time.monotonic()
            told = self.health(8, KSTREAM_HTTP=f"127.0.0.1:{silent.getsockname()[1]}")
            self.assertLess(time.monotonic() - begin, 10)
        self.assertIn("has not answered within 2000 ms", told)

    def test_without_an_address_it_says_what_is_missing(self):
        self.assertIn("--http must be given", self.check_run(["health"], 2).stderr)


class Signals(BinaryTest):
    def test_a_first_signal_ends_the_wait_for_a_cluster(self):
        for number in (signal.SIGINT, signal.SIGTERM):
            with running("aggregate") as (process, _):
                process.send_signal(number)
                self.assertEqual(process.wait(TIMEOUT_S), 0)


if __name__ == "__main__":
    unittest.main()
