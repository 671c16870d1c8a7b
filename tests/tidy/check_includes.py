#!/usr/bin/env python3
"""Checks what a compiler cannot: who may include what, and what keeps the core pure.

    check_includes.py              checks the repository, prints path:line: finding, exit code 1
    check_includes.py --self-test  feeds the rules snippets that break them

The rules are the tables below. Includes are judged one by one and not transitively: a header that a
module may include answers for what it includes itself.
"""

import re
import sys
import unittest
from pathlib import Path, PurePosixPath

ROOT = Path(__file__).resolve().parents[2]

# ---- the rules ---------------------------------------------------------------------------------

# Which module may include headers of which others (of its own always). Modules are the folders of
# include/kstream/ and src/; the headers right under include/kstream/ are two modules: `status`,
# what a worker tells the outside (also *_status and probe), and `base`, the rest.
MAY_INCLUDE = {
    "base": set(),
    "model": {"base"},
    "core": {"base", "model", "text"},
    "codec": {"base", "model", "core", "text"},
    # A record's bytes to the values that a job wants: one folder for each format, which nothing but
    # the choice of one knows.
    "reader": {"base", "model", "core", "job", "expr", "reader/json"},
    "reader/json": {"base", "model", "job", "expr", "reader", "text"},
    # What a job is: its statement, as data and as text. The parser and its tree are the inner
    # room's alone.
    "job": {"base", "model", "core", "text"},
    "job/sql": {"base", "model", "job", "text"},
    # Expressions of a statement over the values of a record, or of a group.
    "expr": {"base", "model", "core", "job", "text"},
    "status": {"base", "model"},
    "ports": {"base", "model", "status"},
    "pipeline": {
        "base", "model", "core", "codec", "expr", "job", "reader", "ports", "status",
    },
    # Recomputes what the loops have made, so it knows nothing of them: formats, what a record has
    # at its paths, a statement as data, and the ports that it reads through. Never `expr`: it has
    # an interpreter of its own.
    "audit": {"base", "model", "core", "codec", "job", "reader", "ports", "text"},
    # Adapters know the contracts, never the engine and never each other.
    "kafka": {"base", "model", "ports", "status"},
    "telemetry": {"base", "model", "codec", "ports", "status", "text"},
    "cli": {"base", "model", "core", "job", "config", "text"},
    "process": {"base", "ports"},
    # What the options come to, as data: cli/config.hpp.
    "config": {"base", "model", "core", "job", "ports"},
    # How text is checked, escaped and shown: nothing that knows what the text is about.
    "text": set(),
    # The rooms of the subcommands: of the adapters, Kafka and the process only.
    "topics": {
        "base", "model", "codec", "ports", "pipeline", "kafka", "process", "config", "text",
    },
    "produce": {
        "base", "model", "core", "codec", "ports", "status", "kafka", "process", "config", "text",
    },
    "results": {
        "base", "model", "core", "codec", "ports", "text", "kafka", "process", "topics", "config",
    },
    "bench/figures": {"base", "model", "core", "codec"},
    "bench": {
        "base", "model", "core", "codec", "reader", "job", "ports", "kafka", "process", "config",
        "topics", "produce", "bench/figures", "text",
    },
    # The composition root names everything that is put together, and not what that is made of.
    "app": {
        "base", "model", "core", "codec", "reader", "ports", "pipeline", "audit", "status", "kafka",
        "telemetry", "cli", "config", "process", "topics", "produce", "results", "bench",
        "bench/figures", "expr", "job", "text",
    },
    "main": {"base", "app", "cli", "process"},
    # Only in the preset `planted`.
    "planted": {"base"},
}  # fmt: skip

# What all rooms may talk in, whether they do or not. Of anything else, what nobody uses is taken
# out of the table: a way that stands open is gone one day.
OPEN_TO_ALL = {"base", "model"}

# Third-party headers by the start of their name, and the only places that may include them.
# Below include/ none may, whatever stands here.
THIRD_PARTY = {
    "librdkafka/": ("src/kafka/", "tests/"),
    "CLI/": ("src/cli/",),
    "prometheus/": ("src/telemetry/", "tests/"),
    "pg_query.h": ("src/job/sql/",),
    "simdjson.h": ("src/reader/json/", "src/job/sql/", "src/kafka/client_stats.",
                   "src/bench/figures/json_document.", "src/results/", "tests/"),
    "openssl/": ("src/codec/", "src/audit/exact.", "src/kafka/broker_probe.",
                 "tests/mock/broker_probe_test."),
    "fmt/": ("src/", "tests/"),
    "catch2/": ("tests/",),
}

# Modules that a seed alone must be able to replay: no threads, clocks or randomness of their own.
PURE = {
    "base", "model", "core", "codec", "expr", "reader", "reader/json", "ports", "pipeline",
    "audit", "bench/figures", "status", "results", "text", "job", "job/sql",
}  # fmt: skip
IMPURE_HEADERS = {
    "atomic", "barrier", "condition_variable", "filesystem", "fstream", "future", "latch", "mutex",
    "random", "semaphore", "shared_mutex", "stop_token", "thread",
}  # fmt: skip
IMPURE_CODE = re.compile(
    r"\b(?:system_clock|steady_clock|high_resolution_clock|random_device)\b|\b\w*[cC]lock::now\s*\("
    r"|\bstd::(?:time|rand|getenv)\s*\(|\bthread_local\b"
)

# The audit recomputes totals with sums of its own: what the loops add with would hide its own bugs.
LOOPS_OWN_HEADERS = {
    "kstream/core/key_table.hpp", "kstream/core/commit_interval.hpp", "kstream/core/natural.hpp",
    "kstream/core/time_text.hpp", "reader/statement_plan.hpp", "reader/statement_reader.hpp",
}  # fmt: skip
LOOPS_OWN_CODE = re.compile(r"\b(?:add_input|merge_slot)\s*\(")

# Only what talks to a person may write to the standard streams.
PRINTING_MODULES = {"app", "process", "produce", "cli", "main", "telemetry", "planted"}
PRINTING_HEADERS = {"iostream", "print"}
PRINTING_CODE = re.compile(
    r"\b(?:v?f?printf|puts|fputs|putchar)\s*\(|\bstd::(?:cout|cerr|clog)\b|\bfmt::print(?:ln)?\s*\("
)
# A failed invariant has nobody to hand its message to.
PRINTING_EXCEPTIONS = {"include/kstream/check.hpp"}

# GCC's other headers bring it, Clang's do not: the fuzzers' build, which no quick test compiles,
# was broken for a day.
DEFAULTED_COMPARISON = re.compile(r"\boperator<=>\(.*= default")

MAX_COLUMNS = 100
CPP_SUFFIXES = {".hpp", ".cpp"}
TEXT_SUFFIXES = CPP_SUFFIXES | {".py", ".sh", ".cmake"}
CHECKED_FOLDERS = ("include", "src", "tests", "scripts", "cmake")

# ---- the machinery -----------------------------------------------------------------------------

INCLUDE = re.compile(r'^\s*#\s*include\s*(?:<([^>]+)>|"([^"]+)")')
# A comment, or a literal that may hold what looks like one.
COMMENT_OR_LITERAL = re.compile(
    r'//[^\n]*|/\*.*?\*/|R"([^ ()\\\t\n]*)\(.*?\)\1"|"(?:\\.|[^"\\\n])*"|\'(?:\\.|[^\'\\\n])+\'',
    re.DOTALL,
)


def module_of(path):
    """The module that a file belongs to; None for tests, which may include everything."""
    parts = PurePosixPath(path).parts
    if parts[:2] == ("include", "kstream"):
        return module_of_header("/".join(parts[1:]))
    if parts[0] == "src":
        return module_of_header("/".join(parts[1:])) or "main"
    return None


def module_of_header(name):
    """The module of an included header of ours; None when it is none of ours."""
    parts = PurePosixPath(name).parts
    if parts[0] == "kstream":
        if len(parts) > 2:
            return parts[1]
        stem = PurePosixPath(name).stem
        return "status" if stem == "probe" or stem.endswith("status") else "base"
    if name == "cli/config.hpp":
        return "config"
    for folder in ("bench/figures", "job/sql", "reader/json"):
        if name.startswith(folder + "/"):
            return folder
    return parts[0] if len(parts) > 1 else None


def without_comments(text):
    """Same lines and columns of code, no comments, empty literals."""

    def blank(match):
        kept = '""' if match.group().startswith(("R", '"')) else ""
        return kept + "\n" * match.group().count("\n")

    # Character literals may not be emptied first: 1'000 is a number.
    return COMMENT_OR_LITERAL.sub(blank, re.sub(r"(?<=[0-9a-fA-F])'(?=[0-9a-fA-F])", "", text))


def check_include(path, module, angle, quoted):
    """Findings about one include directive."""
    in_include = path.startswith("include/")
    if quoted is not None:
        target = module_of_header(quoted)
        if in_include and not quoted.startswith("kstream/"):
            yield f'"{quoted}": a header under include/ includes <std> and "kstream/..." only'
        elif module is None or target == module:
            return
        elif target is None:
            yield f'"{quoted}": write the full path from include/ or src/'
        elif module not in MAY_INCLUDE:
            yield f"module {module} is not in the table MAY_INCLUDE"
        elif target not in MAY_INCLUDE[module]:
            yield f'"{quoted}": {module} may not include {target}'
        elif module == "audit" and quoted in LOOPS_OWN_HEADERS:
            yield f'"{quoted}": audit may not include what the loops keep, judge and reckon with'
        return
    is_standard = "/" not in angle and "." not in angle
    if in_include and not is_standard:
        yield f'<{angle}>: a header under include/ includes <std> and "kstream/..." only'
        return
    for start, places in THIRD_PARTY.items():
        if angle.startswith(start) and not path.startswith(places):
            yield f"<{angle}>: only in {', '.join(places)}"
    if module in PURE and angle in IMPURE_HEADERS:
        yield f"<{angle}>: {module} has no threads, clocks, files or randomness"
    if module and module not in PRINTING_MODULES and angle in PRINTING_HEADERS:
        yield f"<{angle}>: {module} does not print"


def check_cpp(path, text):
    module = module_of(path)
    code = without_comments(text)
    original = text.splitlines()
    lines = code.splitlines()
    if path.endswith(".hpp"):
        first = next((line.strip() for line in lines if line.strip()), "")
        if first != "#pragma once":
            yield 1, "a header starts with #pragma once, after its comment"
    for number, line in enumerate(lines, 1):
        # The name in an include is a literal, so it is read from the line as it was.
        found = INCLUDE.match(original[number - 1]) if re.match(r"\s*#\s*include", line) else None
        if found:
            for finding in check_include(path, module, *found.groups()):
                yield number, finding
            continue
        impure = IMPURE_CODE.search(line)
        if module in PURE and impure:
            yield number, f"{impure.group().strip()}: {module} has no clock and no randomness"
        shared = LOOPS_OWN_CODE.search(line) if module == "audit" else None
        if shared:
            yield number, f"{shared.group().strip()}: audit adds with code of its own"
        if DEFAULTED_COMPARISON.search(line) and "#include <compare>" not in lines:
            yield number, "a defaulted <=> needs <compare>"
        printing = PRINTING_CODE.search(line)
        may_print = module is None or module in PRINTING_MODULES or path in PRINTING_EXCEPTIONS
        if printing and not may_print:
            yield number, f"{printing.group().strip()}: {module} does not print"


def check_file(path, text):
    """All findings about one file, as (line, text). `path` is relative to the repository."""
    for number, line in enumerate(text.splitlines(), 1):
        if len(line) > MAX_COLUMNS:
            yield number, f"{len(line)} columns, {MAX_COLUMNS} at most"
        if not line.isascii():
            yield number, "not ASCII: " + ascii(next(c for c in line if not c.isascii()))
        if line != line.rstrip():
            yield number, "space at the end of the line"
        if "\t" in line:
            yield number, "a tab"
    if PurePosixPath(path).suffix in CPP_SUFFIXES:
        yield from check_cpp(path, text)


def unused_ways(files):
    """What the table allows and no file does. `files`: path to text."""
    used = {module: set(OPEN_TO_ALL) for module in MAY_INCLUDE}
    for path, text in files.items():
        for line in text.splitlines():
            found = INCLUDE.match(line)
            if found and found.group(2) and module_of(path) in used:
                used[module_of(path)].add(module_of_header(found.group(2)))
    for module, allowed in MAY_INCLUDE.items():
        for target in sorted(allowed - used[module]):
            yield f"{module} never includes {target}, so it need not be allowed to"


def check_repository():
    count = findings = 0
    files = {}
    for folder in CHECKED_FOLDERS:
        for file in sorted((ROOT / folder).rglob("*")):
            is_text = file.suffix in TEXT_SUFFIXES or file.name == "CMakeLists.txt"
            if not is_text or not file.is_file():
                continue
            path = file.relative_to(ROOT).as_posix()
            count += 1
            text = file.read_text(encoding="utf-8")
            if file.suffix in CPP_SUFFIXES:
                files[path] = text
            for number, finding in check_file(path, text):
                findings += 1
                print(f"{path}:{number}: {finding}")
    for finding in unused_ways(files):
        findings += 1
        print(f"tests/tidy/check_includes.py: {finding}")
    print(f"{count} files, {findings} findings")
    return 1 if findings or count == 0 else 0


# ---- the self-test -----------------------------------------------------------------------------


class Rules(unittest.TestCase):
    """Every rule is shown one thing that it must find and one that it must let pass."""

    def findings(self, path, text):
        if path.endswith(".hpp") and "#pragma once" not in text:
            text = "#pragma once\n" + text
        return [finding for _, finding in check_file(path, text)]

    def assert_finds(self, path, text, part):
        found = self.findings(path, text)
        self.assertEqual(len(found), 1, found)
        self.assertIn(part, found[0])

    def assert_clean(self, path, text):
        self.assertEqual(self.findings(path, text), [])

    def test_contract_headers_know_the_standard_library_and_themselves_only(self):
        path = "include/kstream/codec/wire.hpp"
        self.assert_clean(path, "#include <vector>\n#include \"kstream/model/ids.hpp\"\n")
        self.assert_finds(path, "#include <fmt/core.h>\n", "include/")
        self.assert_finds(path, "#include <unistd.h>\n", "include/")
        self.assert_finds(path, '#include "text/json_tokens.hpp"\n', "include/")

    def test_a_defaulted_comparison_has_its_header(self):
        line = "friend auto operator<=>(A, A) = default;\n"
        self.assert_finds("src/core/a.cpp", line, "<compare>")
        self.assert_clean("src/core/a.cpp", "#include <compare>\n" + line)

    def test_a_way_that_nobody_goes_is_closed(self):
        one = {"src/process/a.cpp": '#include "kstream/ports/log.hpp"\n'}
        unused = "process never includes ports, so it need not be allowed to"
        self.assertNotIn(unused, list(unused_ways(one)))
        self.assertIn(unused, list(unused_ways({})))
        self.assertFalse([one for one in unused_ways({}) if " includes base," in one])

    def test_each_third_party_library_has_its_place(self):
        for header, good, bad in (
            ("librdkafka/rdkafka.h", "src/kafka/admin.cpp", "src/app/aggregate.cpp"),
            ("CLI/CLI.hpp", "src/cli/parse.cpp", "src/app/aggregate.cpp"),
            ("prometheus/registry.h", "src/telemetry/exporter.cpp", "src/kafka/consumer.cpp"),
            ("simdjson.h", "src/reader/json/record_walk.cpp", "src/kafka/consumer.cpp"),
            ("simdjson.h", "src/kafka/client_stats.cpp", "src/core/generator.cpp"),
            ("pg_query.h", "src/job/sql/tree.cpp", "src/job/to_sql.cpp"),
            ("openssl/sha.h", "src/codec/sha256.cpp", "src/core/stable_hash.cpp"),
            ("catch2/catch_test_macros.hpp", "tests/unit/core/a_test.cpp", "src/core/prng.cpp"),
        ):
            with self.subTest(header=header):
                self.assert_clean(good, f"#include <{header}>\n")
                self.assert_finds(bad, f"#include <{header}>\n", "only in")

    def test_dependencies_point_one_way(self):
        for path, header, allowed in (
            ("include/kstream/core/key_table.hpp", "kstream/model/decimal.hpp", True),
            ("include/kstream/core/key_table.hpp", "kstream/codec/wire.hpp", False),
            ("src/core/key_table.cpp", "kstream/ports/clock.hpp", False),
            ("include/kstream/model/ids.hpp", "kstream/core/murmur2.hpp", False),
            ("src/codec/wire.cpp", "kstream/core/aggregates.hpp", True),
            ("src/codec/wire.cpp", "kstream/ports/step.hpp", False),
            ("src/pipeline/map_fold.cpp", "kstream/reader/record_reader.hpp", True),
            ("src/pipeline/map_fold.cpp", "reader/json/json_reader.hpp", False),
            ("src/reader/record_reader.cpp", "reader/json/json_reader.hpp", True),
            ("src/reader/json/json_reader.cpp", "text/json_tokens.hpp", True),
            ("src/reader/json/json_reader.cpp", "kstream/codec/wire.hpp", False),
            ("src/codec/result_record.cpp", "text/json_tokens.hpp", True),
            ("src/codec/result_record.cpp", "kstream/reader/record_reader.hpp", False),
            ("src/job/sql/binder.cpp", "job/names.hpp", True),
            ("src/job/to_sql.cpp", "job/sql/scan.hpp", False),
            ("src/job/flags.cpp", "kstream/core/aggregates.hpp", True),
            ("src/job/flags.cpp", "kstream/codec/wire.hpp", False),
            ("include/kstream/status.hpp", "kstream/codec/changelog.hpp", False),
            ("src/pipeline/step_loop.cpp", "kstream/ports/step.hpp", True),
            ("src/pipeline/step_loop.cpp", "kafka/handles.hpp", False),
            ("src/pipeline/step_loop.cpp", "telemetry/log.hpp", False),
            ("src/audit/accounts.cpp", "kstream/codec/changelog.hpp", True),
            ("src/audit/interpreter.cpp", "kstream/job/statement.hpp", True),
            ("src/audit/interpreter.cpp", "kstream/expr/program.hpp", False),
            ("src/audit/interpreter.cpp", "reader/statement_plan.hpp", False),
            ("src/audit/exact.cpp", "kstream/core/natural.hpp", False),
            ("src/audit/accounts.cpp", "kstream/core/key_table.hpp", False),
            ("src/audit/accounts.cpp", "kstream/pipeline/totals_state.hpp", False),
            ("src/audit/session.cpp", "kstream/ports/log_reader.hpp", True),
            ("src/audit/session.cpp", "kstream/status.hpp", False),
            ("src/audit/session.cpp", "kafka/topic_reader.hpp", False),
            ("src/audit/session.cpp", "app/commands.hpp", False),
            ("src/pipeline/totals_state.cpp", "kstream/audit/accounts.hpp", False),
            ("src/kafka/consumer.cpp", "kstream/ports/record_source.hpp", True),
            ("src/kafka/consumer.cpp", "kstream/core/key_table.hpp", False),
            ("src/kafka/consumer.cpp", "kstream/pipeline/job.hpp", False),
            ("src/kafka/consumer.cpp", "telemetry/log.hpp", False),
            ("src/telemetry/exporter.cpp", "kstream/status.hpp", True),
            ("src/telemetry/exporter.cpp", "kstream/produce_status.hpp", True),
            ("src/telemetry/exporter.cpp", "kafka/handles.hpp", False),
            ("src/cli/parse.cpp", "kafka/client_config.hpp", False),
            ("src/app/aggregate.cpp", "kafka/consumer.hpp", True),
            ("src/main.cpp", "kafka/consumer.hpp", False),
        ):
            with self.subTest(path=path, header=header):
                text = f'#include "{header}"\n'
                if allowed:
                    self.assert_clean(path, text)
                else:
                    self.assert_finds(path, text, "may not include")

    def test_includes_are_full_paths_and_modules_are_known(self):
        self.assert_finds("src/kafka/consumer.cpp", '#include "handles.hpp"\n', "full path")
        self.assert_finds("src/extra/a.cpp", '#include "kstream/error.hpp"\n', "MAY_INCLUDE")

    def test_the_core_has_no_threads_clocks_or_randomness(self):
        for header in ("thread", "mutex", "atomic", "random"):
            self.assert_finds("src/pipeline/step_loop.cpp", f"#include <{header}>\n", "no threads")
            self.assert_clean("src/kafka/consumer.cpp", f"#include <{header}>\n")
        for code in (
            "auto t = std::chrono::steady_clock::now();",
            "auto t = MyClock::now();",
            "auto t = std::time(nullptr);",
            "std::random_device d;",
        ):
            with self.subTest(code=code):
                self.assert_finds("src/core/generator.cpp", code + "\n", "no clock")
                self.assert_clean("src/app/produce.cpp", code + "\n")
        self.assert_clean("src/core/a.cpp", "#include <chrono>\nstd::chrono::seconds s{1};\n")

    def test_the_audit_adds_with_code_of_its_own(self):
        for code in ("merge_slot(kind, a, b);", "if (!add_input(kind, slot, input)) {}"):
            self.assert_finds("src/audit/accounts.cpp", code + "\n", "of its own")
            self.assert_clean("src/pipeline/map_fold.cpp", code + "\n")
        self.assert_clean("src/audit/accounts.cpp", "add_row(kinds, a, b);\n")

    def test_only_the_edge_prints(self):
        for code in ('std::printf("x");', 'std::fprintf(stderr, "x");', 'std::cerr << "x";'):
            with self.subTest(code=code):
                self.assert_finds("src/kafka/consumer.cpp", code + "\n", "does not print")
                self.assert_clean("src/cli/parse.cpp", code + "\n")
        self.assert_finds("src/core/a.cpp", "#include <iostream>\n", "does not print")
        self.assert_clean("src/kafka/consumer.cpp", "std::snprintf(b, sizeof b, f);\n")
        self.assert_clean("include/kstream/check.hpp", "std::fprintf(stderr, f);\n")

    def test_comments_and_literals_are_not_code(self):
        self.assert_clean("src/core/a.cpp", "// std::cout, steady_clock\n/* printf(\n) */\n")
        self.assert_clean("src/core/a.cpp", 'auto s = "random_device // printf(x)";\n')
        self.assert_clean("src/core/a.cpp", "auto s = R\"(std::cout\nprintf(1))\";\n")
        self.assert_finds("src/core/a.cpp", 'f("//"); std::cout << 1;\n', "does not print")
        self.assert_finds("src/core/a.cpp", "f('\"'); std::cout << '\"';\n", "does not print")
        self.assert_finds("src/core/a.cpp", "int n = 1'000; std::cout << 'a';\n", "not print")
        self.assert_clean("src/core/a.cpp", '// #include "kafka/handles.hpp"\n')

    def test_findings_name_their_line(self):
        text = "// one\n/* two\nthree */\nauto r = R\"(\n)\";\nstd::cout << 1;\n"
        self.assertEqual([line for line, _ in check_file("src/core/a.cpp", text)], [6])

    def test_headers_start_with_pragma_once(self):
        self.assert_clean("src/kafka/a.hpp", "// What it is.\n#pragma once\n")
        self.assert_finds("src/kafka/a.hpp", "#include <map>\n#pragma once\n", "#pragma once")

    def test_text_is_plain(self):
        self.assert_finds("src/core/a.cpp", "// " + "x" * 98 + "\n", "columns")
        self.assert_clean("src/core/a.cpp", "// " + "x" * 97 + "\n")
        self.assert_finds("scripts/a.sh", "echo caf\u00e9\n", "ASCII")
        self.assert_finds("src/core/a.cpp", "int a; \n", "space at the end")
        self.assert_finds("src/core/a.cpp", "\tint a;\n", "a tab")


if __name__ == "__main__":
    if sys.argv[1:] == ["--self-test"]:
        unittest.main(argv=sys.argv[:1])
    sys.exit(check_repository())
