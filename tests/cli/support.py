"""What the black-box tests share: running the binary that KSTREAM names, in a clean environment."""

import os
import subprocess
import unittest
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
KSTREAM = os.environ.get("KSTREAM", str(ROOT / "build" / "dev" / "bin" / "kstream"))
TIMEOUT_S = 30


def clean_environment(**variables):
    """The environment without anything that kstream would read, plus `variables`."""
    kept = {k: v for k, v in os.environ.items() if not k.startswith("KSTREAM")}
    return kept | variables


def run(*arguments, env=None, **options):
    """Runs kstream to its end; stdout and stderr are text."""
    return subprocess.run(
        [KSTREAM, *arguments],
        env=env or clean_environment(),
        capture_output=True,
        text=True,
        timeout=TIMEOUT_S,
        check=False,
        **options,
    )


class BinaryTest(unittest.TestCase):
    """A test case of the binary."""

    def check_run(self, arguments, code, **options):
        """Runs, compares the exit code, and hands back the finished process."""
        done = run(*arguments, **options)
        self.assertEqual(done.returncode, code, f"{arguments}: {done.stdout}{done.stderr}")
        return done
