"""A running kstream: its output in files, its end by its own pid, its metrics by HTTP."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import time
import urllib.error
import urllib.request
from pathlib import Path

from .cluster import ROOT
from .waiting import wait_for

BINARY = Path(os.environ.get("KSTREAM", ROOT / "build/release/bin/kstream")).resolve()
END_SECONDS = 60.0
HANDLER_SECONDS = 10.0  # from exec() to the signal handler
# Chooses a bug of the preset `planted`; other builds do not know it.
PLANTED_BUG = "KSTREAM_PLANTED_BUG"

_running: set["Process"] = set()


def discard_all() -> None:
    """Ends whatever is left, for a run that is interrupted."""
    for process in list(_running):
        process.discard()


class Process:
    """Started at once. What a test leaves running is killed when the test ends."""

    def __init__(
        self, directory: Path, name: str, arguments: list[str], binary: Path = BINARY
    ) -> None:
        self.name = name
        self.arguments = arguments
        self.stdout_path = directory / f"{name}.out"
        self.stderr_path = directory / f"{name}.err"
        # Settings of whoever runs the tests must not reach into them.
        environment = {
            k: v for k, v in os.environ.items() if k == PLANTED_BUG or not k.startswith("KSTREAM")
        }
        with open(self.stdout_path, "wb") as out, open(self.stderr_path, "wb") as err:
            self._popen = subprocess.Popen(
                [str(binary), *arguments],
                stdin=subprocess.DEVNULL,
                stdout=out,
                stderr=err,
                env=environment,
            )
        self.started = time.monotonic()
        self.pid = self._popen.pid
        _running.add(self)

    # ---- what it says ----------------------------------------------------------------------------

    @property
    def stdout(self) -> str:
        return self.stdout_path.read_text(errors="replace")

    @property
    def stderr(self) -> str:
        return self.stderr_path.read_text(errors="replace")

    def wait_for_log(self, pattern: str, seconds: float = 30.0) -> re.Match[str]:
        def look() -> re.Match[str] | None:
            found = re.search(pattern, self.stderr)
            if not found and not self.is_running():
                found = re.search(pattern, self.stderr)
                assert found, f"{self.describe()} ended without saying {pattern!r}"
            return found

        return wait_for(look, seconds, f"{self.name} says {pattern!r}")

    def describe(self) -> str:
        tail = "\n".join(self.stderr.splitlines()[-15:])
        return f"{self.name} ({' '.join(self.arguments)}), exit {self._popen.poll()}:\n{tail}"

    # ---- its life --------------------------------------------------------------------------------

    def handles_sigterm(self) -> bool:
        """Whether it has got as far as that; before, a SIGTERM ends any program there is."""
        status = Path(f"/proc/{self.pid}/status").read_text()
        masks = re.findall(r"^Sig(?:Cgt|Blk):\s+([0-9a-f]+)$", status, re.M)
        return any(int(mask, 16) >> (signal.SIGTERM - 1) & 1 for mask in masks)

    def is_running(self) -> bool:
        return self._popen.poll() is None

    def wait(self, seconds: float = END_SECONDS) -> int:
        """Its exit code; -N when signal N ended it."""
        try:
            return self._popen.wait(seconds)
        except subprocess.TimeoutExpired:
            raise AssertionError(f"still runs after {seconds:g} s: {self.describe()}") from None

    def expect(self, code: int, seconds: float = END_SECONDS) -> "Process":
        found = self.wait(seconds)
        assert found == code, f"exit code {found}, not {code}: {self.describe()}"
        return self

    def send(self, number: signal.Signals) -> None:
        assert self.is_running(), f"ended before its {number.name}: {self.describe()}"
        self._popen.send_signal(number)

    def kill(self) -> None:
        """SIGKILL, of one that has to be running: a fault that did not happen proves nothing."""
        self.send(signal.SIGKILL)
        assert self.wait(10) == -signal.SIGKILL, self.describe()

    def terminate(self, within: float = 5.0) -> float:
        """SIGTERM; has to end with 0 in that time. Returns the seconds that it took."""
        self.terminate_later()
        started = time.monotonic()
        self.expect(0, within)
        return time.monotonic() - started

    def terminate_later(self) -> None:
        """SIGTERM, once it is more than a program that the kernel has begun to load; `expect` says
        how it ended."""
        wait_for(
            lambda: self.handles_sigterm() or not self.is_running(),
            HANDLER_SECONDS,
            f"{self.name} handles SIGTERM",
            poll=0.002,
        )
        self.send(signal.SIGTERM)

    def discard(self) -> None:
        """End it, whatever it does: for cleaning up."""
        if self.is_running():
            self._popen.kill()
            self._popen.wait(10)
        _running.discard(self)

    # ---- what it shows ---------------------------------------------------------------------------

    def metrics(self) -> "Metrics":
        """Needs --http with port 0."""
        port = self.wait_for_log(r"http server listens host=127\.0\.0\.1 port=(\d+)")[1]
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics", timeout=5) as answer:
                return Metrics(answer.read().decode())
        except (urllib.error.URLError, OSError):
            return Metrics("")

    def peak_memory_mib(self) -> float:
        status = Path(f"/proc/{self.pid}/status").read_text()
        found = re.search(r"VmHWM:\s+(\d+) kB", status)
        assert found, status
        return int(found[1]) / 1024


class Metrics:
    def __init__(self, text: str) -> None:
        self.samples: list[tuple[str, dict[str, str], float]] = []
        for line in text.splitlines():
            found = re.fullmatch(r"(\w+)(?:\{(.*)\})? (\S+)", line)
            if found:
                labels = dict(re.findall(r'(\w+)="([^"]*)"', found[2] or ""))
                self.samples.append((found[1], labels, float(found[3])))

    def total(self, name: str, **labels: str) -> float:
        return sum(
            value
            for sample, has, value in self.samples
            if sample == name and labels.items() <= has.items()
        )
