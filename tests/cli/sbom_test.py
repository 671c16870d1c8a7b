"""scripts/sbom.py, against what can be seen of the binary without it."""

import json
import re
import subprocess
import sys
import unittest
from pathlib import Path

from support import KSTREAM, ROOT, run


class SbomTest(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.text = cls.write()
        cls.document = json.loads(cls.text)
        cls.components = {one["name"]: one for one in cls.document["components"]}

    @staticmethod
    def write():
        done = subprocess.run([sys.executable, ROOT / "scripts" / "sbom.py", KSTREAM],
                              capture_output=True, text=True)  # fmt: skip
        assert done.returncode == 0, done.stderr
        return done.stdout

    def linked(self, name):
        (value,) = [p["value"] for p in self.components[name]["properties"]
                    if p["name"] == "kstream:linked"]  # fmt: skip
        return value

    def test_form(self):
        self.assertEqual(self.document["bomFormat"], "CycloneDX")
        self.assertRegex(self.document["serialNumber"], r"^urn:uuid:[0-9a-f-]{36}$")
        for one in self.document["components"]:
            self.assertRegex(one["purl"], r"^pkg:[a-z]+/\S+@\S+$")
            self.assertTrue(one["version"])
        references = [one["bom-ref"] for one in self.document["components"]]
        self.assertEqual(len(references), len(set(references)))
        self.assertEqual(self.document["dependencies"][0]["dependsOn"], references)

    def test_the_binary_is_the_one_that_it_is_about(self):
        main = self.document["metadata"]["component"]
        said = run("--version").stdout
        self.assertIn(f"kstream {main['version']} (revision", said)
        digest = subprocess.run(["sha256sum", KSTREAM], capture_output=True, text=True).stdout
        self.assertEqual(main["hashes"][0]["content"], digest.split()[0])

    def test_librdkafka_is_the_one_that_runs(self):
        library = self.components["librdkafka"]
        said = run("--version").stdout
        self.assertIn(f"librdkafka {library['version']} ", said)
        # No build goes without the patch: it would be right, and half as fast.
        self.assertIn(",record-batches)", said)
        self.assertEqual(len(library["pedigree"]["patches"]), 1)
        self.assertEqual(self.linked("librdkafka"), "static")

    def test_every_library_that_is_loaded_is_listed(self):
        dynamic = subprocess.run(["readelf", "--dynamic", "--wide", KSTREAM], capture_output=True,
                                 text=True).stdout  # fmt: skip
        needed = re.findall(r"\(NEEDED\).*\[(\S+)\]", dynamic)
        self.assertGreater(len(needed), 5)
        for library in needed:
            owner = subprocess.run(["dpkg", "-S", f"*/{library}"], capture_output=True, text=True)
            names = {line.partition(":")[0] for line in owner.stdout.splitlines()}
            self.assertTrue(names & set(self.components), f"{library} of {names}")

    def test_what_is_known_to_be_in_it(self):
        for part in ("libssl3", "libfmt", "libsimdjson", "libprometheus-cpp|prometheus-cpp",
                     "libzstd1", "liblz4-1", "zlib1g", "libsasl2-2", "libcli11-dev",
                     "libstdc[+][+]6", "libc6"):  # fmt: skip
            self.assertTrue([n for n in self.components if re.match(part, n)], part)
        self.assertEqual(self.linked("libcli11-dev"), "headers")

    def test_the_same_build_gives_the_same_text(self):
        self.assertEqual(self.write(), self.text)
        self.assertNotIn(str(ROOT), self.text)
        self.assertNotIn(str(Path.home()) + "/", self.text)


if __name__ == "__main__":
    unittest.main()
