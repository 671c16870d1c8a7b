#!/usr/bin/env python3
"""Checks that everything about access control says what deploy/secure/acls.txt says.

    check_acls.py             the list itself, docs/SECURITY-ACL.md, what acls.sh grants and to whom
    check_acls.py --write     writes the tables of docs/SECURITY-ACL.md
    check_acls.py --self-test finds what it is there to find

That kstream needs these entries and no others is shown by tests/integration/security_test.py.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
import tempfile
from pathlib import Path

import acl_list
from acl_list import IMPLIES_DESCRIBE, USERS, Entry

ROOT = Path(__file__).resolve().parents[2]
PAGE = ROOT / "docs" / "SECURITY-ACL.md"
SCRIPT = ROOT / "deploy" / "secure" / "acls.sh"
GENERATE = ROOT / "deploy" / "secure" / "generate.sh"
COMPOSE = ROOT / "deploy" / "compose.secure.yml"
NAMES = {"SOURCE": "the source topic", "RESULTS": "the results topic", "cluster": "the cluster"}
MARKED = re.compile(r"(<!-- entries of (\S+) -->\n).*?(<!-- end -->)", re.S)


def name_in_words(entry: Entry) -> str:
    if entry.name == "APP-*":
        return f"{entry.type.replace('-', ' ')}s prefixed `<app>-`"
    return NAMES.get(entry.name, f"topic `{entry.name}`")


def table(entries: list[Entry]) -> str:
    rows = ["| right | on | without it | why |", "|---|---|---|---|"]
    for one in entries:
        without = {"stop": "exit code 4", "warn": "a warning"}[one.without]
        rows.append(f"| {one.operation} | {name_in_words(one)} | {without} | {one.why} |")
    return "\n".join(rows) + "\n"


def with_tables(page: str, entries: list[Entry]) -> str:
    def fill(found: re.Match[str]) -> str:
        return found[1] + table([e for e in entries if e.user == found[2]]) + found[3]

    return MARKED.sub(fill, page)


def check_list(entries: list[Entry]) -> list[str]:
    problems = []
    seen: dict[tuple[str, str, str], set[str]] = {}
    for one in entries:
        operations = seen.setdefault((one.user, one.type, one.name), set())
        if one.operation in operations:
            problems.append(f"twice in the list: {one}")
        operations.add(one.operation)
    for (user, kind, name), operations in seen.items():
        if "Describe" in operations and operations & set(IMPLIES_DESCRIBE):
            problems.append(f"Describe is given by another entry: {user}: {kind} {name}")
    problems += [f"no entry for {user}" for user in USERS if user not in {e.user for e in entries}]
    return problems


def check_page(page: str, entries: list[Entry]) -> list[str]:
    problems = []
    if page != with_tables(page, entries):
        problems.append(f"{PAGE.name} differs from the list: write it with check_acls.py --write")
    told = [found[2] for found in MARKED.finditer(page)]
    if sorted(told) != sorted(USERS):
        problems.append(f"{PAGE.name} has tables of {told}, the list is about {list(USERS)}")
    return problems


def granted_by(script: Path, text: str) -> set[tuple[str, ...]]:
    """(principal, operation, type, name, pattern) that the script asks Kafka's tool for."""
    with tempfile.TemporaryDirectory() as folder:
        stub, said = Path(folder) / "kafka-acls", Path(folder) / "said"
        stub.write_text(f'#!/bin/sh\nprintf "%s\\n" "$@" -- >>{said}\n')
        stub.chmod(0o700)
        (Path(folder) / "acls.txt").write_text(text)
        own = {"BROKERS": "b", "APPLICATION": "app", "SOURCE": "source", "RESULTS": "results",
               "ACLS": f"{folder}/acls.txt", "KAFKA_ACLS": str(stub)}  # fmt: skip
        subprocess.run(["bash", script, *USERS], env=os.environ | own, check=True)
        calls = said.read_text().split("\n--\n")[:-1]
    found = set()
    for call in calls:
        words = call.split("\n")
        principal, kind, name, pattern, operations = "", "", "kafka-cluster", "literal", []
        for word, following in zip(words, [*words[1:], ""]):
            if word == "--allow-principal":
                principal = following.removeprefix("User:")
            elif word == "--operation":
                operations.append(following)
            elif word == "--resource-pattern-type":
                pattern = following
            elif word == "--cluster":
                kind = "cluster"
            elif word.removeprefix("--") in acl_list.TYPES:
                kind, name = word.removeprefix("--"), following
        found |= {(principal, operation, kind, name, pattern) for operation in operations}
    return found


def check_script(script: Path, text: str) -> list[str]:
    wanted = {
        (e.user, e.operation, e.type, e.resource("app", "source", "results"),
         "prefixed" if e.prefixed else "literal")
        for e in acl_list.parse(text)
    }  # fmt: skip
    granted = granted_by(script, text)
    return [f"{SCRIPT.name} does not grant {' '.join(one)}" for one in wanted - granted] + [
        f"{SCRIPT.name} grants what is not in the list: {' '.join(one)}" for one in granted - wanted
    ]


def check_compose(compose: str, generate: str) -> list[str]:
    """Whoever gets a password there gets rights, and nobody else."""
    granted = re.findall(r"command: \[bash, /acls\.sh, (.*)\]", compose)
    clients = re.findall(r"(?m)^client (\S+)", generate)
    if [", ".join(clients)] != granted:
        return [f"compose.secure.yml grants to {granted}, generate.sh has passwords for {clients}"]
    return []


def check(text: str, page: str, script: Path) -> list[str]:
    try:
        entries = acl_list.parse(text)
    except acl_list.BadList as error:
        return [str(error)]
    return check_list(entries) + check_page(page, entries) + check_script(script, text)


def self_test() -> list[str]:
    text, page, script = acl_list.PATH.read_text(), PAGE.read_text(), SCRIPT.read_text()
    first = next(line for line in text.splitlines() if line.startswith("Create "))
    *_, last = text.splitlines()

    def broken(what: str, says: str, *, text: str = text, page: str = page,
               script: str = script) -> list[str]:  # fmt: skip
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / "acls.sh"
            path.write_text(script)
            found = check(text, page, path)
        return [] if any(says in one for one in found) else [f"not found: {what}: {found}"]

    fourth = COMPOSE.read_text().replace("produce, aggregate]", "produce, aggregate, reset]")
    if not check_compose(fourth, GENERATE.read_text()):
        return ["not found: rights for a user without a password"]
    return [
        *broken("an entry twice", "twice in the list", text=f"{text}{last}\n"),
        *broken("an operation that is none", "not an entry", text=text.replace("Read", "Raed")),
        *broken("a user that is none", "not an entry", text=text.replace("r audit", "r odit")),
        *broken("an entry that the page lacks", "differs", text=text.replace(f"{first}\n", "", 1)),
        *broken("a Describe too much", "given by another",
                text=f"{text}Describe topic RESULTS stop why\n"),
        *broken("a user left out", "no entry for reset", text=text.partition("user reset")[0]),
        *broken("a table left out", "has tables of", page=page.replace("entries of audit", "")),
        *broken("a prefix granted as a name", "does not grant",
                script=script.replace(" --resource-pattern-type prefixed", "")),
        *broken("a right for everybody", "not in the list",
                script=script.replace('"User:$1"', '"User:$1" --operation All')),
    ]  # fmt: skip


def main() -> int:
    if sys.argv[1:] == ["--write"]:
        PAGE.write_text(with_tables(PAGE.read_text(), acl_list.read()))
        return 0
    if sys.argv[1:] == ["--self-test"]:
        problems = self_test()
    else:
        problems = check(acl_list.PATH.read_text(), PAGE.read_text(), SCRIPT)
        problems += check_compose(COMPOSE.read_text(), GENERATE.read_text())
    print("\n".join(problems) or "ok")
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main())
