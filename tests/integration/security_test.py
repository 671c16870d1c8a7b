"""TLS, passwords and rights: the secure listeners of the cluster, where nobody may do anything that
was not granted. The rights are those of deploy/secure/acls.txt."""

from __future__ import annotations

import re
import secrets
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path

from harness import users
from harness.case import IntegrationTest
from harness.process import Process
from harness.users import SECURE_BROKERS

import acl_list
from acl_list import Entry

PARALLEL = True
RECORDS = 20_000
UNAVAILABLE, REFUSED = 3, 4  # the exit codes: kstream help exit-codes
AT_ONCE = 3  # more processes would only wait for each other
# Where nothing else runs, a refused login takes 3 to 4 s and everything else less.
PATIENCE_SECONDS = 240.0
ATTEMPTS = 5


class SecureTest(IntegrationTest):
    """Users of its own, who reach only what carries its names."""

    def setUp(self) -> None:
        super().setUp()
        users.require_secure_cluster()
        # Names that no right on the application's prefix covers.
        self.source = f"source-of-{self.application}"
        self.results = f"results-of-{self.application}"
        self.passwords: dict[str, str] = {}

    def once_reached(self, process: Process, *arguments: str) -> Process:
        """The process, or the next one that did not give up on brokers that are slow to answer."""
        for _ in range(ATTEMPTS):
            if process.wait(PATIENCE_SECONDS) != UNAVAILABLE:
                break
            process = self.start_as(*arguments)
        return process

    def done_as(self, *arguments: str) -> Process:
        return self.once_reached(self.start_as(*arguments), *arguments).expect(0)

    def add_user(self, name: str) -> str:
        """Its full name; the password is one that can be looked for."""
        user = f"{self.application}-{name}"
        self.passwords[user] = f"canary{secrets.token_hex(16)}"
        return user

    def rights(self, entries: list[Entry], user: str) -> list[users.Right]:
        return [users.right(e, user, self.application, self.source, self.results) for e in entries]

    def sign_in(self, user: str, **changes: object) -> list[str]:
        password = changes.pop("password", self.passwords[user])
        path = self.directory / f"{user}-{len(list(self.directory.glob('*.conf')))}.conf"
        users.configuration(path, user, str(password), **changes)  # type: ignore[arg-type]
        return ["--config", str(path)]

    def command(self, subcommand: str) -> list[str]:
        """With the names of this test and what makes it end by itself."""
        ends = {
            "create-topics": [],
            "produce": ["--count", str(RECORDS), "--seed", "5"],
            "aggregate": ["--until", "end"],
            "results": [],
            "audit": [],
            "reset": ["--yes", "--results", "tombstone"],
        }[subcommand]
        names = {"produce": self.ends(), "reset": ["--output-topic", self.results]}.get(
            subcommand, self.ends()
        )
        application = [] if subcommand == "produce" else ["--application-id", self.application]
        return [subcommand, *application, *names, *ends]

    def start_as(self, user: str, subcommand: str, *options: str, brokers: str = SECURE_BROKERS,
                 **changes: object) -> Process:  # fmt: skip
        return self.start(*self.command(subcommand), *self.sign_in(user, **changes),
                          "--brokers", brokers, *options)  # fmt: skip

    def grant_all(self) -> dict[str, str]:
        """One user for each subcommand, with its entries of the list."""
        named = {name: self.add_user(name) for name in acl_list.USERS}
        users.set_passwords(self.passwords)
        users.grant(
            right
            for name, user in named.items()
            for right in self.rights([e for e in acl_list.read() if e.user == name], user)
        )
        return named


class Rights(SecureTest):
    def test_the_whole_job_with_exactly_the_listed_rights(self) -> None:
        user = self.grant_all()
        for subcommand in ("create-topics", "create-topics", "produce", "aggregate", "results",
                           "audit"):  # fmt: skip
            done = self.done_as(user[subcommand], subcommand)
            # A warning about a right would be one that is missing in the list.
            self.assertNotRegex(done.stderr + done.stdout, "authori[sz]|grant|AUTHORIZATION")
        self.assertIn(f"{RECORDS} read = {RECORDS} aggregated", done.stdout)
        self.assertIn("proved: full", done.stdout)
        self.done_as(user["reset"], "reset")

    def test_each_right_that_is_missing_is_named(self) -> None:
        user = self.grant_all()
        cases = [(e, self.add_user(f"without-{i}")) for i, e in enumerate(acl_list.read())]
        users.set_passwords(self.passwords)
        users.grant(
            right
            for left_out, name in cases
            for right in self.rights(
                [e for e in acl_list.read() if e.user == left_out.user and e != left_out], name
            )
        )
        # Nothing can be made where it is there already.
        creating = [case for case in cases if case[0].operation == "Create"]
        self.expect_named(creating, "--dry-run")
        for subcommand in ("create-topics", "produce", "aggregate"):
            self.done_as(user[subcommand], subcommand)
        self.expect_named([c for c in cases if c not in creating])
        # Whoever was refused has done nothing.
        self.assertIn("proved: full", self.done_as(user["audit"], "audit").stdout)
        self.note(f"{len(cases)} rights")

    def expect_named(self, cases: list[tuple[Entry, str]], *options: str) -> None:
        for group in batches(cases, AT_ONCE):
            running = []
            for entry, user in group:
                # With --dry-run the warnings are on stdout, and no group is joined.
                quick = ["--dry-run"] if entry.without == "warn" else list(options)
                arguments = (user, entry.user, *quick)
                running.append((entry, arguments, self.start_as(*arguments)))
            for entry, arguments, process in running:
                with self.subTest(str(entry)):
                    process = self.once_reached(process, *arguments)
                    process.expect(REFUSED if entry.without == "stop" else 0)
                    self.assertRegex(process.stderr + process.stdout, self.wording(entry))

    def wording(self, entry: Entry) -> str:
        """How a message names the entry: "Read on topic NAME", "Read and Write on topic NAME"."""
        name = entry.resource(self.application, self.source, self.results)
        resource = "the cluster" if entry.type == "cluster" else (
            f"{entry.type.replace('-', ' ')} {re.escape(name)}"
        )  # fmt: skip
        return rf"\b{entry.operation}( and \w+)? on {resource}"


def batches(items: list, size: int) -> Iterator[list]:
    for begin in range(0, len(items), size):
        yield items[begin : begin + size]


class Refused(SecureTest):
    def test_certificates_that_are_not_trusted(self) -> None:
        user = self.add_user("anybody")
        other = users.make_certificates(self.directory / "other")
        ways = {
            "another authority": {"authority": other},
            "another host name": {"brokers": SECURE_BROKERS.replace("localhost", "127.0.0.1")},
        }
        for way, changes in ways.items():
            self.refuse(user, way, "certificate", **changes)

    def test_logins_that_are_refused(self) -> None:
        user = self.add_user("somebody")
        users.set_passwords(self.passwords)
        self.passwords[self.add_user("nobody")] = "unknown"
        self.refuse(user, "wrong password", "[Aa]uthentication", password="canary-wrong")
        self.refuse(f"{self.application}-nobody", "unknown user", "[Aa]uthentication")

    def refuse(self, user: str, way: str, word: str, **changes: object) -> None:
        """Every subcommand says so, and soon."""
        slowest = 0.0
        for group in batches(list(acl_list.USERS), AT_ONCE):
            running = [self.start_as(user, name, **changes) for name in group]
            for process in running:
                with self.subTest(way, command=process.name):
                    process.expect(REFUSED, PATIENCE_SECONDS)
                    slowest = max(slowest, time.monotonic() - process.started)
                    self.assertRegex(process.stderr, word)
                    self.assertNotIn(str(changes.get("password", "canary")), process.stderr)
        self.note(f"{way}: {slowest:.1f} s at most")


class Secrets(SecureTest):
    def test_no_secret_gets_out(self) -> None:
        user = self.grant_all()
        # The client library's own words about its logins as well.
        loud = ("-X", "debug=security,broker,conf", "--log-level", "debug")
        self.done_as(user["create-topics"], "create-topics", *loud)
        self.done_as(user["produce"], "produce", *loud)
        self.done_as(user["aggregate"], "aggregate", *loud)
        login = self.sign_in(user["aggregate"])
        served = self.start("aggregate", *self.names(), *login, "--brokers", SECURE_BROKERS,
                            "--http", "127.0.0.1:0", *loud)  # fmt: skip
        shown = b"".join(self.pages(served))
        self.look_at_process(served.pid)
        served.terminate(30)
        self.done_as(user["audit"], "audit", "--json", *loud)
        for name in acl_list.USERS:
            self.start_as(user[name], name, "--print-config").expect(0)
        self.done_as(user["reset"], "reset", *loud)
        outputs = [*self.directory.glob("*.out"), *self.directory.glob("*.err")]
        self.assertGreaterEqual(len(outputs), 20)
        shown += b"".join(path.read_bytes() for path in outputs)
        for name, password in self.passwords.items():
            self.assertIn(name.encode(), shown)  # what was looked through is what tells of them
            self.assertNotIn(password.encode(), shown)
        self.note(f"{len(shown) / 1e6:.1f} MB looked through")

    def pages(self, process: Process) -> Iterator[bytes]:
        port = process.wait_for_log(r"http server listens host=127\.0\.0\.1 port=(\d+)")[1]
        for page in ("", "metrics", "status", "state", "healthz", "readyz", "nowhere"):
            request = f"http://127.0.0.1:{port}/{page}"
            try:
                with urllib.request.urlopen(request, timeout=10) as answer:
                    yield answer.read()
            except urllib.error.HTTPError as error:
                yield error.read()

    def look_at_process(self, pid: int) -> None:
        """What other users of the machine can see of it."""
        for name in ("cmdline", "environ"):
            text = Path(f"/proc/{pid}/{name}").read_bytes()
            for password in self.passwords.values():
                self.assertNotIn(password.encode(), text)
