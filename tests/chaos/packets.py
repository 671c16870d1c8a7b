"""Packets that do not arrive: from one node of the cluster to others, in one direction.

Nodes run as users of their own (KSTREAM_CLUSTER_USERS of scripts/cluster.sh). Rules of the kernel's
routing give what each of them opens an address of its own on the loopback device, so that a rule
can be about what one node sends to another one, and nobody else. Sockets stay as they are: what is
sent is sent again, until it is let through or somebody gives up. Nothing of this works outside of a
network namespace of our own.
"""

from __future__ import annotations

import contextlib
import os
import subprocess
from collections.abc import Iterator

USERS = 60_000
PORTS = {1: "29092", 2: "39092", 3: "49092"}  # of the brokers, among themselves
CONTROLLERS = "29093-29095"
# The kernel's own table of local addresses has to come after our rules.
DROP, SOURCE, LOCAL = "50", "100", "200"


def _ip(*arguments: str) -> None:
    subprocess.run(["ip", *arguments], check=True, capture_output=True)


def _address(broker: int) -> str:
    return f"127.0.1.{broker}"


def prepare() -> None:
    """Before the cluster is started."""
    os.environ["KSTREAM_CLUSTER_USERS"] = str(USERS)
    _ip("rule", "add", "pref", LOCAL, "lookup", "local")
    _ip("rule", "del", "pref", "0")
    for broker in PORTS:
        user, table = str(USERS + broker), str(USERS + broker)
        _ip("rule", "add", "pref", SOURCE, "uidrange", f"{user}-{user}", "lookup", table)
        _ip("route", "add", "local", "127.0.0.0/8", "dev", "lo", "src", _address(broker),
            "table", table)  # fmt: skip


@contextlib.contextmanager
def _dropped(*rules: tuple[str, ...]) -> Iterator[None]:
    with contextlib.ExitStack() as stack:
        for rule in rules:
            _ip("rule", "add", "pref", DROP, *rule, "ipproto", "tcp", "blackhole")
            stack.callback(_ip, "rule", "del", "pref", DROP, *rule, "ipproto", "tcp", "blackhole")
        yield


def broker_to_broker(sender: int, receiver: int) -> contextlib.AbstractContextManager[None]:
    """What `sender` asks, and what it answers."""
    return _dropped(
        ("from", _address(sender), "dport", PORTS[receiver]),
        ("to", _address(receiver), "sport", PORTS[sender]),
    )


def broker_to_controllers(sender: int) -> contextlib.AbstractContextManager[None]:
    return _dropped(("from", _address(sender), "dport", CONTROLLERS))
