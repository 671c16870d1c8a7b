"""The flags of cmake/CompileOptions.cmake, as they are found in the finished binary."""

import json
import re
import subprocess
import unittest
from pathlib import Path

from support import KSTREAM


def readelf(*options):
    return subprocess.run(
        ["readelf", "--wide", *options, KSTREAM], capture_output=True, text=True, check=True
    ).stdout


class HardeningTest(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.header = readelf("--file-header")
        cls.segments = re.findall(r"^ +(\w+) +0x.* ([RWE ]{3}) 0x", readelf("--segments"), re.M)
        cls.dynamic = readelf("--dynamic")
        cls.imports = set(re.findall(r" UND (\w+)", readelf("--dyn-syms")))

    def flags_of(self, segment):
        return [flags for name, flags in self.segments if name == segment]

    def test_position_independent(self):
        self.assertRegex(self.header, r"Type: +DYN")
        self.assertRegex(self.dynamic, r"FLAGS_1\).*\bPIE\b")
        self.assertNotIn("TEXTREL", self.dynamic)

    def test_relocations_are_read_only(self):
        self.assertEqual(len(self.flags_of("GNU_RELRO")), 1)
        self.assertRegex(self.dynamic, r"\(FLAGS\).*\bBIND_NOW\b")  # with RELRO: all of them

    def test_nothing_is_writable_and_executable(self):
        self.assertEqual(self.flags_of("GNU_STACK"), ["RW "])
        loaded = self.flags_of("LOAD")
        self.assertGreater(len(loaded), 2)
        self.assertNotIn("RWE", loaded)

    def test_libraries_are_the_systems(self):
        self.assertNotRegex(self.dynamic, "RPATH|RUNPATH")

    def test_stack_and_buffers_are_checked(self):
        self.assertIn("__stack_chk_fail", self.imports)
        checked = {name for name in self.imports if re.fullmatch(r"__\w+_chk", name)}
        self.assertLessEqual({"__memcpy_chk", "__snprintf_chk"}, checked)

    def test_the_standard_library_checks_its_arguments(self):
        self.assertIn("_ZSt21__glibcxx_assert_failPKciS0_S0_", self.imports)

    def test_every_file_is_compiled_so(self):
        """What leaves no trace of its own: the level of FORTIFY, cleared stack variables."""
        database = Path(KSTREAM).resolve().parents[1] / "compile_commands.json"
        # Several files are compiled as one (cmake/UnitySources.cmake).
        own, files = [], 0
        for one in json.loads(database.read_text()):
            if re.search(r"/src/.*\.cpp$|/Unity/.*\.cxx$", one["file"]):
                own.append(one["command"])
                together = Path(one["file"]).read_text().count("#include \"/")
                files += together if one["file"].endswith(".cxx") else 1
        self.assertGreater(files, 100)
        for command in own:
            for flag in (
                "-fPIE",
                "-D_FORTIFY_SOURCE=3",
                "-D_GLIBCXX_ASSERTIONS",
                "-fstack-protector-strong",
                "-fstack-clash-protection",
                "-ftrivial-auto-var-init=zero",
            ):
                self.assertIn(f" {flag} ", command)
            self.assertRegex(command, r" -O[12] ")  # FORTIFY is nothing without optimization


if __name__ == "__main__":
    unittest.main()
