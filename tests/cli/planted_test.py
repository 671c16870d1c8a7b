#!/usr/bin/env python3
"""Bugs that are planted to test the tests must not be in a binary that somebody might run."""

import re
import subprocess
import unittest

from support import KSTREAM, ROOT, BinaryTest, clean_environment

HEADER = ROOT / "include" / "kstream" / "planted_bug.hpp"


def planted_names():
    """The bugs as they are chosen at run time: release-at-revoke."""
    found = re.findall(r"^ *BUG\((\w+),", HEADER.read_text(encoding="utf-8"), re.MULTILINE)
    return [name.replace("_", "-") for name in found]


class NoPlantedBugs(BinaryTest):
    def test_there_are_bugs_to_look_for(self):
        self.assertGreaterEqual(len(planted_names()), 24)

    def test_no_name_is_in_the_binary(self):
        with open(KSTREAM, "rb") as binary:
            content = binary.read()
        names = [*planted_names(), "KSTREAM_PLANTED_BUG", "planted bug"]
        self.assertEqual([name for name in names if name.encode() in content], [])

    def test_no_symbol_is_in_the_binary(self):
        symbols = subprocess.run(["nm", "--demangle", KSTREAM], capture_output=True, text=True,
                                 check=True).stdout
        self.assertIn("kstream::StepLoop::run_once", symbols)
        self.assertNotRegex(symbols, re.compile("planted", re.IGNORECASE))

    def test_asking_for_one_is_refused(self):
        name = planted_names()[0]
        done = self.check_run(["aggregate", "--dry-run"], 2,
                              env=clean_environment(KSTREAM_PLANTED_BUG=name))
        self.assertIn("KSTREAM_PLANTED_BUG: unknown environment variable", done.stderr)


if __name__ == "__main__":
    unittest.main()
