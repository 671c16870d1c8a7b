"""The last release, built beside this tree: what programs of today are compared with."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
CHANGELOG = ROOT / "CHANGELOG.md"
TREE = ROOT / "build" / "base"


def commit() -> str:
    """A commit cannot name itself: the one after a release writes it beside the version."""
    text = CHANGELOG.read_text(encoding="utf-8")
    found = re.search(r"^## \[\d[^]]*\] - [\d-]+, commit ([0-9a-f]{12})$", text, re.M)
    if not found:
        sys.exit(f"{CHANGELOG.name}: no version has its commit beside it")
    return found[1]


def _git(*arguments: str | Path) -> None:
    subprocess.run(["git", "-C", *arguments], check=True, capture_output=True)


def build(target: str) -> Path:
    """Checks it out and builds the target with the presets of that commit. Where its build is."""
    if not (TREE / ".git").exists():
        _git(ROOT, "worktree", "prune")
        _git(ROOT, "worktree", "add", "--detach", TREE, commit())
    _git(TREE, "checkout", "--force", commit())
    for step in (["cmake", "--preset", "release", f"-DKSTREAM_DEPS={ROOT / 'build' / 'deps'}"],
                 ["cmake", "--build", "--preset", "release", "--target", target]):
        subprocess.run(step, cwd=TREE, check=True, stdout=subprocess.DEVNULL)
    return TREE / "build" / "release"
