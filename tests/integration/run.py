#!/usr/bin/env python3
"""Runs the integration tests against the real cluster of scripts/cluster.sh.

    run.py                    all tests
    run.py --only PATTERN     those whose name contains the pattern (a regular expression)
    run.py --list             names only
    run.py --jobs N           how many of the tests that allow it run at once (default 2)
    run.py --secure           those of the listeners with TLS, passwords and rights, and no others

Every *_test.py of this folder is a unittest module. Modules that set PARALLEL run first, several of
their tests at once: they spend most of their time in waiting. Then come the others one by one,
those that stop brokers last. The binary is build/release/bin/kstream, or what KSTREAM names. A
cluster that this run has to start keeps its data in memory, where there is room for it, and is
stopped at the end; with --secure, one that is up already has to be up with its secure listeners
(`cluster.sh up --secure`). Logs of failed tests stay in build/integration/; their ends are printed.

Prints one line per test and closes with `N passed, N failed`.
"""

from __future__ import annotations

import argparse
import importlib.util
import os
import queue
import re
import shutil
import signal
import sys
import threading
import time
import traceback
import unittest
from pathlib import Path
from types import ModuleType

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE))
from harness import case, cluster, process  # noqa: E402

# What these do to the brokers would be in everybody's way.
LAST = ("brokers_test", "unreachable_test")
# They need a cluster with an authorizer.
SECURE = ("security_test",)
# Of each log of a failed test.
LOG_LINES = 25


class Outcome(unittest.TestResult):
    """Prints a line as soon as a test has ended."""

    _print = threading.Lock()

    def __init__(self, tally: "Tally") -> None:
        super().__init__()
        self._tally = tally
        self._started = time.monotonic()
        self._texts: list[str] = []

    def startTest(self, test: unittest.TestCase) -> None:
        super().startTest(test)
        self._started = time.monotonic()
        self._texts = []

    def _note(self, test: unittest.TestCase, error: object) -> None:
        text = "".join(traceback.format_exception(*error))  # type: ignore[misc]
        if not hasattr(test, "_testMethodName"):  # a class or module that could not be set up
            self._tally.add(str(test), 0.0, [text], [])
        else:
            self._texts.append(text)

    def addError(self, test: unittest.TestCase, err: object) -> None:  # type: ignore[override]
        self._note(test, err)

    def addFailure(self, test: unittest.TestCase, err: object) -> None:  # type: ignore[override]
        self._note(test, err)

    def addSubTest(self, test: object, subtest: object, err: object) -> None:
        if err is not None:
            self._note(test, err)  # type: ignore[arg-type]

    def addSkip(self, test: unittest.TestCase, reason: str) -> None:
        self._texts.append(f"skipped: {reason}\n")  # here everything has to run

    def stopTest(self, test: unittest.TestCase) -> None:
        super().stopTest(test)
        seconds = time.monotonic() - self._started
        directory = getattr(test, "directory", None)
        if self._texts and directory is not None:
            self._texts += ends_of_logs(directory)
        self._tally.add(name_of(test), seconds, self._texts, getattr(test, "notes", []))
        if directory is not None and not self._texts:
            shutil.rmtree(directory, ignore_errors=True)


class Tally:
    def __init__(self) -> None:
        self.passed = 0
        self.failed: list[str] = []
        self._lock = threading.Lock()

    def add(self, name: str, seconds: float, texts: list[str], notes: list[str]) -> None:
        with self._lock:
            if texts:
                self.failed.append(name)
            else:
                self.passed += 1
            word = "FAILED" if texts else "passed"
            print(f"{word} {seconds:6.1f}s  {name}" + "".join(f"; {n}" for n in notes), flush=True)
            for text in texts:
                print("    " + text.rstrip().replace("\n", "\n    "), flush=True)


def ends_of_logs(directory: Path) -> list[str]:
    """What each process of a failed test said last: elsewhere than here its files are gone soon."""
    ends = []
    for log in sorted(directory.glob("*.err")):
        lines = log.read_text(errors="replace").splitlines()
        if lines:
            ends.append("\n".join([f"{log.name}, {len(lines)} lines:", *lines[-LOG_LINES:]]))
    return ends


def name_of(test: unittest.TestCase) -> str:
    return ".".join(test.id().split(".")[-3:])


def load(path: Path) -> ModuleType:
    spec = importlib.util.spec_from_file_location(path.stem, path)
    assert spec and spec.loader
    module = importlib.util.module_from_spec(spec)
    sys.modules[path.stem] = module  # unittest finds module fixtures there
    spec.loader.exec_module(module)
    return module


def tests_in(suite: unittest.TestSuite) -> list[unittest.TestCase]:
    found: list[unittest.TestCase] = []
    for one in suite:
        found += tests_in(one) if isinstance(one, unittest.TestSuite) else [one]
    return found


def run_parallel(tests: list[unittest.TestCase], jobs: int, tally: Tally) -> None:
    waiting: queue.SimpleQueue[unittest.TestCase] = queue.SimpleQueue()
    # Longest first: a long one that begins last keeps a lane empty at the end.
    for test in sorted(tests, key=lambda t: -getattr(type(t), "SECONDS", 0)):
        waiting.put(test)

    def lane() -> None:
        while True:
            try:
                test = waiting.get_nowait()
            except queue.Empty:
                return
            unittest.TestSuite([test]).run(Outcome(tally))

    lanes = [threading.Thread(target=lane, daemon=True) for _ in range(jobs)]
    for each in lanes:
        each.start()
    for each in lanes:
        while each.is_alive():
            each.join(0.2)  # so that Ctrl-C comes through


def main() -> int:
    assert __doc__
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--only", metavar="PATTERN", default="")
    parser.add_argument("--list", action="store_true")
    parser.add_argument("--jobs", type=int, default=2)
    parser.add_argument("--secure", action="store_true")
    options = parser.parse_args()

    # Modules look for its certificates when they are loaded.
    was_up = not options.list and cluster.is_ready()
    in_memory = not options.list and not was_up and cluster.keep_in_memory()

    together: list[unittest.TestCase] = []
    alone: list[list[unittest.TestCase]] = []
    paths = sorted(HERE.glob("*_test.py"), key=lambda p: (p.stem in LAST, p.stem))
    for path in paths:
        if (path.stem in SECURE) != options.secure:
            continue
        module = load(path)
        tests = tests_in(unittest.defaultTestLoader.loadTestsFromModule(module))
        tests = [t for t in tests if re.search(options.only, name_of(t))]
        if getattr(module, "PARALLEL", False):
            together += tests
        elif tests:
            alone.append(tests)
    if options.list:
        for test in [*together, *(t for tests in alone for t in tests)]:
            print(name_of(test))
        return 0
    if not together and not alone:
        print(f"no test matches '{options.only}'", file=sys.stderr)
        return 2
    if not process.BINARY.exists():
        print(f"no binary {process.BINARY}: build it, or name it in KSTREAM", file=sys.stderr)
        return 2

    os.environ["KSTREAM"] = str(process.BINARY)  # the same one for every module
    # As Ctrl-C: what was started is ended on the way out.
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    started = time.monotonic()
    tally = Tally()
    try:
        if not was_up:
            cluster.command("up", *(["--secure"] if options.secure else []))
        run_parallel(together, options.jobs, tally)
        for tests in alone:
            unittest.TestSuite(tests).run(Outcome(tally))
    except KeyboardInterrupt:
        tally.failed.append("interrupted")
    finally:
        process.discard_all()
        if not was_up:
            wipe = ["--wipe"] if in_memory and not tally.failed else []
            cluster.command("down", *wipe, check=False)
    if in_memory and tally.failed:
        print(f"the cluster's logs stay in {cluster.directory()}")
    for name in tally.failed:
        print(f"failed: {name}, logs in {os.path.relpath(case.LOGS)}/")
    print(f"{time.monotonic() - started:.0f} s")
    print(f"{tally.passed} passed, {len(tally.failed)} failed")
    return 1 if tally.failed else 0


if __name__ == "__main__":
    sys.exit(main())
