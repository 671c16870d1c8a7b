#!/usr/bin/env python3
"""What is generated from the tables: in step with docs/, well-formed for the tools that read it.
And what is translated: in step with the original.

    documents_test.py           checks
    documents_test.py --write   writes docs/CONFIGURATION.md and docs/METRICS.md
"""

import re
import subprocess
import sys
import tempfile
import unittest

from support import ROOT, TIMEOUT_S, BinaryTest, clean_environment, run

GENERATED = {"config-doc": "CONFIGURATION.md", "metrics-doc": "METRICS.md"}
ORIGINAL, TRANSLATION = "README.md", "README.pt-BR.md"
CODE_BLOCK = re.compile(r"^```.*?^```$", re.MULTILINE | re.DOTALL)


def generate(what):
    done = run("--generate", what)
    if done.returncode != 0:
        raise RuntimeError(done.stderr)
    return done.stdout


class InStep(BinaryTest):
    maxDiff = None

    def test_documents(self):
        for what, name in GENERATED.items():
            path = ROOT / "docs" / name
            self.assertEqual(
                path.read_text(encoding="utf-8"), generate(what),
                f"docs/{name} is not what the tables say: run tests/cli/documents_test.py --write")

    def test_the_contract_has_a_form_for_each_aggregate(self):
        rows = generate("config-doc").split("## Aggregates\n")[1].split("\n## ")[0]
        names = sorted(re.findall(r"^\| `--(\w+)", rows, re.M))
        records = (ROOT / "docs" / "RECORDS.md").read_text(encoding="utf-8")
        forms = records.split("| aggregate | form |\n|---|---|\n")[1].split("\n\n")[0]
        self.assertEqual(sorted(re.findall(r"^\| (\w+) \|", forms, re.M)), names)
        self.assertTrue(names)

    def test_everything_is_ascii(self):
        for what in [*GENERATED, "man", "completion-bash"]:
            self.assertTrue(generate(what).isascii(), what)


class Translated(unittest.TestCase):
    """A translation has the original's headings, commands and links; its prose is its own."""

    maxDiff = None

    def setUp(self):
        self.original, self.translation = (
            (ROOT / name).read_text(encoding="utf-8") for name in (ORIGINAL, TRANSLATION))

    def assert_same(self, pick):
        self.assertEqual(pick(self.original), pick(self.translation))

    def test_code_blocks_byte_for_byte(self):
        self.assertGreater(len(CODE_BLOCK.findall(self.original)), 10)
        self.assert_same(CODE_BLOCK.findall)

    def test_levels_of_the_headings(self):
        self.assert_same(lambda text: re.findall(r"^#+(?= )", CODE_BLOCK.sub("", text), re.M))

    def test_rows_of_the_tables(self):
        self.assert_same(lambda text: [line.count("|") for line in
                                       CODE_BLOCK.sub("", text).splitlines()
                                       if line.startswith("|")])

    def test_files_that_are_linked(self):
        self.assert_same(lambda text: sorted(
            link for link in re.findall(r"\]\(([^)#]+)\)", text)
            if link not in (ORIGINAL, TRANSLATION)))

    def test_links_to_each_other(self):
        self.assertIn(f"]({TRANSLATION})", self.original.partition("\n## ")[0])
        self.assertIn(f"]({ORIGINAL})", self.translation.partition("\n## ")[0])


class WellFormed(BinaryTest):
    def test_manual_page(self):
        done = subprocess.run(["groff", "-man", "-Tascii", "-ww", "-z"], input=generate("man"),
                              capture_output=True, text=True, timeout=TIMEOUT_S, check=False)
        self.assertEqual((done.returncode, done.stderr), (0, ""))

    def complete(self, *words):
        """What bash offers for the last of the words."""
        script = generate("completion-bash") + """
COMP_WORDS=("$@")
COMP_CWORD=$(($# - 1))
_kstream
printf '%s\\n' "${COMPREPLY[@]}"
"""
        with tempfile.NamedTemporaryFile("w", suffix=".bash") as file:
            file.write(script)
            file.flush()
            done = subprocess.run(["bash", "--norc", file.name, *words], capture_output=True,
                                  text=True, timeout=TIMEOUT_S, check=True,
                                  env=clean_environment())
        self.assertEqual(done.stderr, "")
        return done.stdout.split()

    def test_completion(self):
        self.assertEqual(self.complete("kstream", "agg"), ["aggregate"])
        self.assertEqual(self.complete("kstream", "produce", "--se"), ["--seed", "--sellers"])
        self.assertEqual(self.complete("kstream", "aggregate", "--log-format", ""),
                         ["text", "json"])
        self.assertEqual(self.complete("kstream", "help", "exit"), ["exit-codes"])


if __name__ == "__main__":
    if "--write" in sys.argv:
        for document, file_name in GENERATED.items():
            (ROOT / "docs" / file_name).write_text(generate(document), encoding="utf-8")
    else:
        unittest.main()
