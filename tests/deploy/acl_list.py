"""deploy/secure/acls.txt as data."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

PATH = Path(__file__).resolve().parents[2] / "deploy" / "secure" / "acls.txt"
USERS = ("create-topics", "produce", "aggregate", "results", "audit", "reset")
OPERATIONS = ("Read", "Write", "Create", "Delete", "Describe", "DescribeConfigs")
TYPES = ("topic", "group", "transactional-id", "cluster")
# What Kafka's authorizer takes the left one for.
IMPLIES_DESCRIBE = ("Read", "Write", "Delete")


class BadList(Exception):
    """A line that does not say what it should."""


@dataclass(frozen=True)
class Entry:
    user: str
    operation: str
    type: str
    name: str
    without: str  # stop | warn
    why: str

    @property
    def prefixed(self) -> bool:
        return self.name.endswith("*")

    def resource(self, application: str, source: str, results: str) -> str:
        """The name, or its beginning, where these are what the words stand for."""
        words = {"SOURCE": source, "RESULTS": results, "APP-*": f"{application}-",
                 "cluster": "kafka-cluster"}  # fmt: skip
        return words.get(self.name, self.name)

    def __str__(self) -> str:
        return f"{self.user}: {self.operation} on {self.type} {self.name}"


def parse(text: str) -> list[Entry]:
    entries = []
    user = ""
    for number, line in enumerate(text.splitlines(), 1):
        fields = line.split(None, 4)
        if not fields or line.startswith("#"):
            continue
        if fields[0] == "user" and fields[1:] and fields[1] in USERS:
            user = fields[1]
            continue
        known = (
            user
            and len(fields) == 5
            and fields[0] in OPERATIONS
            and fields[1] in TYPES
            and (fields[2] == "cluster") == (fields[1] == "cluster")
            and fields[3] in ("stop", "warn")
        )
        if not known:
            raise BadList(f"line {number} is not an entry: {line}")
        entries.append(Entry(user, *fields))
    return entries


def read() -> list[Entry]:
    return parse(PATH.read_text())
