#!/usr/bin/env python3
"""Checks that what is said about the rooms, the folders of src/ and include/kstream/, is so.

    check_rooms.py              prints path: finding, exit code 1
    check_rooms.py --write      writes what follows from the table of check_includes.py
    check_rooms.py --self-test  breaks what it checks, and sees it

A room has a README.md of a title and five lines. Three are written by people: what the room is for,
what it never does, where to begin. Who calls it and what it may include follow from the table, and
so do the picture and the list of rooms in docs/ARCHITECTURE.md.
"""

import re
import sys
import unittest
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent))
from check_includes import MAY_INCLUDE, ROOT  # noqa: E402

PAGE = "docs/ARCHITECTURE.md"
MARKS = ("<!-- rooms: written by tests/tidy/check_rooms.py -->\n", "<!-- end of rooms -->\n")
# What nearly all may include: the picture leaves it out.
EVERYWHERE = {"base", "model"}
# Modules of the table that are no folders: the binary, a file, two kinds of headers.
NO_FOLDERS = {"main", "config", "status", "base"}
APART = {"planted"}  # only in its preset
WRITTEN_BY_PEOPLE = ("For: ", "Never: ", "Begin with: ")


def house_of(room):
    """A folder inside a room stands on its floor."""
    return room.split("/")[0]


def floors():
    """The modules from the top floor down: what a module may include stands below it. KeyError
    names a circle, in which nothing is below."""
    heights = {}

    def height(house, above):
        if house in above:
            raise KeyError(" -> ".join([*above[above.index(house) :], house]))
        if house not in heights:
            targets = {
                house_of(target)
                for room, allowed in MAY_INCLUDE.items() if house_of(room) == house
                for target in allowed
            } - {house}  # fmt: skip
            heights[house] = 1 + max((height(one, [*above, house]) for one in targets), default=0)
        return heights[house]

    rooms = [room for room in MAY_INCLUDE if room not in APART]
    order = {room: place for place, room in enumerate(rooms)}
    return sorted(
        rooms,
        key=lambda room: (-height(house_of(room), []), order.get(house_of(room), 0), "/" in room),
    )


try:
    FLOORS = floors()
except KeyError as circle:
    sys.exit(f"tests/tidy/check_includes.py: a circle: {circle.args[0]}")
ROOMS = [room for room in FLOORS if room not in NO_FOLDERS]


def folder_of(room):
    return f"src/{room}" if (ROOT / "src" / room).is_dir() else f"include/kstream/{room}"


def below(room):
    """What a room may include and others may not: without what all of them may."""
    return [one for one in FLOORS if one in MAY_INCLUDE[room] - EVERYWHERE]


def callers_of(room):
    if room in EVERYWHERE:
        return "every room"
    return ", ".join(f"`{one}`" for one in FLOORS if room in MAY_INCLUDE[one])


def included_text(room):
    named = [f"`{one}`" for one in below(room)]
    allowed = [f"`{one}`" for one in FLOORS if one in EVERYWHERE & MAY_INCLUDE[room]]
    return ", ".join(named + allowed) or "nothing of ours"


def readme(room, said):
    """The README.md of a room, from the lines that people wrote."""
    return (
        f"# {room}\n\n"
        f"For: {said['For: ']}\n\n"
        f"Called by: {callers_of(room)}.\n\n"
        f"Never: {said['Never: ']}\n\n"
        f"May include: {included_text(room)}.\n\n"
        f"Begin with: {said['Begin with: ']}\n"
    )


def said_in(text):
    """The lines that people wrote; None when one is missing."""
    found = {start: re.search(f"^{start}(.+)$", text, re.MULTILINE) for start in WRITTEN_BY_PEOPLE}
    return {start: line[1] for start, line in found.items()} if all(found.values()) else None


def picture(sentences):
    width = max(len(room) for room in FLOORS)
    lines = []
    for room in FLOORS:
        targets = below(room)
        everything = set(targets) == set(FLOORS[FLOORS.index(room) + 1 :]) - EVERYWHERE
        text = "everything below" if everything and len(targets) > 3 else ", ".join(targets)
        lines.append(f"    {room:{width}} -> {text}" if text else f"    {room}")
    rows = [f"| `{folder_of(room).removeprefix('src/')}/` | {sentences[room]} |" for room in ROOMS]
    return "\n".join([*lines, "", "| room | what it is for |", "|---|---|", *rows]) + "\n"


def check(read, folders):
    """Findings as (path, text, what it should be). `read(path)` gives a text, or None."""
    try:
        floors()
    except KeyError as circle:
        yield "tests/tidy/check_includes.py", f"a circle: {circle.args[0]}", None
    known = {*ROOMS, *APART}
    for folder in sorted(folders):
        # A room's headers may stand in folders below its own.
        room = folder.removeprefix("src/") if folder.startswith("src/") else folder.split("/")[2]
        if room not in known:
            yield folder, "not a room of the table", None
    sentences = {}
    for room in ROOMS:
        path = f"{folder_of(room)}/README.md"
        said = said_in(read(path) or "")
        if said is None:
            yield path, "needs one line each of " + ", ".join(WRITTEN_BY_PEOPLE), None
            return
        sentences[room] = said["For: "]
        if not (read(f"{folder_of(room)}/{said['Begin with: '].strip('`.')}") is not None
                or read(f"include/kstream/{room}/{said['Begin with: '].strip('`.')}") is not None):
            yield path, f"there is no {said['Begin with: ']}", None
        wanted = readme(room, said)
        if read(path) != wanted:
            yield path, "not what the table says; --write writes it", wanted
    page = read(PAGE)
    before, _, rest = page.partition(MARKS[0])
    _, _, after = rest.partition(MARKS[1])
    wanted = before + MARKS[0] + "\n" + picture(sentences) + "\n" + MARKS[1] + after
    if page != wanted:
        yield PAGE, "the rooms are not what the table says; --write writes them", wanted


def read_file(path):
    file = ROOT / path
    return file.read_text(encoding="utf-8") if file.is_file() else None


def folders_with_code():
    for top in ("src", "include/kstream"):
        for file in (ROOT / top).rglob("*.?pp"):
            folder = file.parent.relative_to(ROOT).as_posix()
            if folder not in ("src", "include/kstream"):
                yield folder


def main():
    findings = 0
    for path, text, wanted in check(read_file, set(folders_with_code())):
        if sys.argv[1:] == ["--write"] and wanted is not None:
            (ROOT / path).write_text(wanted, encoding="utf-8")
            continue
        findings += 1
        print(f"{path}: {text}")
    print(f"{len(ROOMS)} rooms, {findings} findings")
    return 1 if findings else 0


class Findings(unittest.TestCase):
    """The repository as it is has none; each change of what is said is one."""

    def findings(self, changed=None, folders=()):
        changed = changed or {}
        return [path for path, _, _ in check(lambda path: changed.get(path, read_file(path)),
                                             set(folders))]

    def test_none_as_it_is(self):
        self.assertEqual(self.findings(), [])

    def test_an_arrow_that_is_not_in_the_table(self):
        page = read_file(PAGE)
        line = next(line for line in page.splitlines() if line.startswith("    kafka "))
        self.assertEqual(self.findings({PAGE: page.replace(line, line + ", codec")}), [PAGE])

    def test_a_sentence_that_is_not_the_rooms(self):
        page = read_file(PAGE).replace(said_in(read_file("src/kafka/README.md"))["For: "], "Other.")
        self.assertEqual(self.findings({PAGE: page}), [PAGE])

    def test_a_readme_with_another_list(self):
        path = "src/core/README.md"
        text = read_file(path).replace("May include: ", "May include: `kafka`, ")
        self.assertEqual(self.findings({path: text}), [path])

    def test_a_room_that_says_nothing(self):
        path = "src/core/README.md"
        self.assertEqual(self.findings({path: "# core\n"}), [path])

    def test_a_beginning_that_is_gone(self):
        path = "src/topics/README.md"
        text = re.sub("Begin with: .*", "Begin with: `gone.hpp`.", read_file(path))
        self.assertEqual(self.findings({path: text}), [path])

    def test_a_folder_that_is_no_room(self):
        self.assertEqual(self.findings(folders=["src/attic"]), ["src/attic"])
        attic = "include/kstream/attic"
        self.assertEqual(self.findings(folders=[attic]), [attic])
        known = ["include/kstream/codec", "include/kstream/core/a", "src/bench/figures"]
        self.assertEqual(self.findings(folders=known), [])

    def test_a_circle(self):
        MAY_INCLUDE["base"].add("app")
        try:
            self.assertIn("tests/tidy/check_includes.py", self.findings())
        finally:
            MAY_INCLUDE["base"].remove("app")


if __name__ == "__main__":
    if sys.argv[1:] == ["--self-test"]:
        unittest.main(argv=sys.argv[:1])
    sys.exit(main())
