"""Users of the secure listeners: their passwords, their rights, and how kstream signs in as one.

Granted over the plain listeners, whose clients are the administrator.
"""

from __future__ import annotations

import hashlib
import os
import struct
import subprocess
import sys
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path

from . import cluster
from .cluster import BROKERS, ROOT
from .waiting import wait_for

from kafka_probe import (
    Broker,
    NotReady,
    Reader,
    Unanswered,
    compact,
    first_answer,
    string,
    uvarint,
)

sys.path.insert(0, str(ROOT / "tests" / "deploy"))
from acl_list import Entry  # noqa: E402

SECURE_BROKERS = "localhost:28092,localhost:28093,localhost:28094"
CERTIFICATES = cluster.directory().resolve() / "secure"

CREATE_ACLS, DESCRIBE_ACLS, DELETE_ACLS, ALTER_SCRAM = 30, 29, 31, 51
ANY, ALLOW, LITERAL, PREFIXED = 1, 3, 3, 4
RESOURCES = {"topic": 2, "group": 3, "cluster": 4, "transactional-id": 5}
OPERATIONS = {"Read": 3, "Write": 4, "Create": 5, "Delete": 6, "Describe": 8,
              "DescribeConfigs": 10}  # fmt: skip
SCRAM_SHA_512 = 2
ITERATIONS = 4096  # the least that Kafka takes


@dataclass(frozen=True)
class Right:
    user: str
    operation: str
    type: str
    name: str
    prefixed: bool


def right(entry: Entry, user: str, application: str, source: str, results: str) -> Right:
    """An entry of the list, for a user and names of a test."""
    return Right(user, entry.operation, entry.type,
                 entry.resource(application, source, results), entry.prefixed)  # fmt: skip


# ---- what the brokers know -----------------------------------------------------------------------


def set_passwords(passwords: dict[str, str]) -> None:
    body = uvarint(1) + uvarint(len(passwords) + 1)
    for user, password in passwords.items():
        salt = os.urandom(16)
        salted = hashlib.pbkdf2_hmac("sha512", password.encode(), salt, ITERATIONS)
        body += compact(user.encode()) + struct.pack(">bi", SCRAM_SHA_512, ITERATIONS)
        body += compact(salt) + compact(salted) + b"\0"
    body += b"\0"

    def ask(broker: Broker) -> None:
        reader = broker.ask(ALTER_SCRAM, 0, body, flexible=True)
        reader.take("i")

        def result(r: Reader) -> int:
            r.compact_string()
            error: int = r.take("h")
            r.compact_string()
            r.tags()
            return error

        if errors := [e for e in reader.compact_array(result) if e]:
            raise NotReady(f"passwords were not set: errors {errors}")

    _until_done(ask, "passwords are set")


def grant(rights: Iterable[Right]) -> None:
    """Returns when every broker knows them, and whatever was told to the cluster before."""
    rights = list(rights)
    body = struct.pack(">i", len(rights))
    for one in rights:
        body += struct.pack(">b", RESOURCES[one.type]) + string(one.name)
        body += struct.pack(">b", PREFIXED if one.prefixed else LITERAL)
        body += string(f"User:{one.user}") + string("*")
        body += struct.pack(">bb", OPERATIONS[one.operation], ALLOW)

    def ask(broker: Broker) -> None:
        reader = broker.ask(CREATE_ACLS, 1, body)
        reader.take("i")
        for error, text in reader.array(lambda r: (r.take("h"), r.string())):
            if error:
                raise NotReady(f"rights were not granted: error {error} {text}")

    _until_done(ask, "rights are granted")
    wanted = {(f"User:{one.user}", one.name, OPERATIONS[one.operation]) for one in rights}
    for address in BROKERS.split(","):
        wait_for(lambda: wanted <= _granted(address), 60, f"{address} knows the rights")


def _until_done(ask: Callable[[Broker], None], what: str) -> None:
    def done() -> bool:
        try:
            first_answer(BROKERS.split(","), ask)
            return True
        except (NotReady, Unanswered):
            return False

    wait_for(done, 60, what)


def _filter() -> bytes:
    null = struct.pack(">h", -1)
    return struct.pack(">b", ANY) + null + struct.pack(">b", ANY) + null + null + b"\1\1"


def _granted(address: str) -> set[tuple[str, str, int]]:
    try:
        with Broker(address) as broker:
            reader = broker.ask(DESCRIBE_ACLS, 1, _filter())
    except Unanswered:
        return set()
    reader.take("i")
    reader.take("h")
    reader.string()

    def resource(r: Reader) -> list[tuple[str, str, int]]:
        r.take("b")
        name = r.string()
        r.take("b")

        def acl(r: Reader) -> tuple[str, str, int]:
            principal, _ = r.string(), r.string()
            operation, _ = r.take("b"), r.take("b")
            return principal, name, operation

        return r.array(acl)

    return {one for found in reader.array(resource) for one in found}


def revoke_all() -> None:
    """For cleaning up; the cluster is a test's."""
    first_answer(BROKERS.split(","), lambda b: b.ask(DELETE_ACLS, 1, b"\0\0\0\1" + _filter()))


# ---- how kstream signs in ------------------------------------------------------------------------


def configuration(
    path: Path, user: str, password: str, authority: Path = CERTIFICATES / "ca.pem"
) -> Path:
    """A file for --config."""
    path.write_text(
        f"[client]\nsecurity.protocol = SASL_SSL\nssl.ca.location = {authority}\n"
        f"sasl.mechanism = SCRAM-SHA-512\nsasl.username = {user}\nsasl.password = {password}\n"
    )
    path.chmod(0o600)
    return path


def make_certificates(folder: Path) -> Path:
    """An authority that the cluster does not know; returns its ca.pem."""
    script = ROOT / "deploy" / "secure" / "generate.sh"
    subprocess.run(["sh", script, "certificates", folder, "localhost"], check=True,
                   capture_output=True)  # fmt: skip
    return folder / "ca.pem"


def require_secure_cluster() -> None:
    assert CERTIFICATES.is_dir(), (
        "the cluster has no secure listeners: `cluster.sh down`, then `cluster.sh up --secure`"
    )


__all__ = ["SECURE_BROKERS", "cluster", "configuration", "grant", "revoke_all", "right",
           "set_passwords"]  # fmt: skip
