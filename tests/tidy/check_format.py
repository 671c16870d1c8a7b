#!/usr/bin/env python3
"""Checks that every source is as clang-format 19 would write it.

    check_format.py              exit code 1 when one is not
    check_format.py --self-test  sees a source that is not

Of another version it says nothing: each has a taste of its own. scripts/setup.sh installs it.
"""

import subprocess
import sys
import tempfile
import unittest
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
TOOL = "clang-format-19"
FOLDERS = ("include", "src", "tests")


def complaints(files: list[Path]) -> str:
    done = subprocess.run(
        [TOOL, f"--style=file:{ROOT / '.clang-format'}", "--dry-run", "-Werror", *map(str, files)],
        capture_output=True,
        text=True,
        check=False,
    )
    return done.stderr if done.returncode != 0 else ""


class SelfTest(unittest.TestCase):
    def test_finds_what_is_not_formatted(self) -> None:
        with tempfile.TemporaryDirectory() as folder:
            good, bad = Path(folder) / "good.cpp", Path(folder) / "bad.cpp"
            good.write_text("int answer() {\n    return 42;\n}\n")
            bad.write_text("int answer() { return  42; }\n")
            self.assertEqual(complaints([good]), "")
            self.assertIn("bad.cpp:1:", complaints([good, bad]))


def main() -> int:
    files = sorted(file for folder in FOLDERS for ending in ("cpp", "hpp")
                   for file in (ROOT / folder).rglob(f"*.{ending}"))  # fmt: skip
    said = complaints(files)
    print(said or f"{len(files)} sources are as {TOOL} writes them")
    return 1 if said or not files else 0


if __name__ == "__main__":
    if sys.argv[1:] == ["--self-test"]:
        unittest.main(argv=sys.argv[:1])
    sys.exit(main())
