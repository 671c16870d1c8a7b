#!/usr/bin/env python3
"""Writes what a built kstream consists of, as CycloneDX 1.5 JSON to stdout.

    sbom.py [BINARY]      default build/release/bin/kstream

Nothing is listed by hand. What is in the binary is asked of the build that made it: the archives of
its link command and the headers that its objects were compiled with. What it needs when it runs is
asked of the dynamic linker. Versions are those of dpkg, and for what has no package those of the
library itself. The same build gives the same text: no time, no random number.
"""

from __future__ import annotations

import functools
import hashlib
import json
import re
import subprocess
import sys
import uuid
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
NAMESPACE = uuid.UUID("9d3c0d5e-6f3e-4b7e-8a43-1d5c8f0a7b11")


def said_by(*command: str | Path, cwd: Path | None = None) -> str:
    return subprocess.run(command, cwd=cwd, check=True, capture_output=True, text=True).stdout


def packages_of(files: set[Path]) -> dict[str, list[Path]]:
    """Debian package, as dpkg names it -> those of the files that are its own."""
    if not files:
        return {}
    # A file may be known under the name that it had before /lib became a link to /usr/lib.
    spellings = {}
    for file in files:
        spellings[str(file)] = file
        spellings.setdefault(str(file).removeprefix("/usr"), file)
    # Read here: dpkg -S takes minutes for thousands of names.
    found: dict[str, list[Path]] = {}
    for listing in sorted(Path("/var/lib/dpkg/info").glob("*.list")):
        for name in spellings.keys() & set(listing.read_text().splitlines()):
            found.setdefault(listing.stem, []).append(spellings[name])
    return found


@functools.cache
def installed() -> dict[str, dict[str, str]]:
    """Of all installed packages: binary name, version, source and architecture. Known by the name
    of their file lists, which is with the architecture where there may be several."""
    form = "${binary:Package}\t${Package}\t${Version}\t${source:Package}\t${Architecture}\n"
    lines = said_by("dpkg-query", "-W", "-f", form).splitlines()
    fields = [line.split("\t") for line in lines]
    return {one[0]: dict(zip(("name", "version", "source", "architecture"), one[1:]))
            for one in fields}  # fmt: skip


def package(name: str) -> dict[str, str]:
    return installed()[name]


def distribution() -> dict[str, str]:
    text = Path("/etc/os-release").read_text()
    return {name: value.strip('"') for name, value in re.findall(r"(?m)^(\w+)=(.*)$", text)}


def debian_component(name: str, how: str) -> dict[str, object]:
    about = package(name)
    system = distribution()
    purl = (
        f"pkg:deb/{system['ID']}/{about['name']}@{about['version'].replace('+', '%2B')}"
        f"?arch={about['architecture']}&distro={system['ID']}-{system.get('VERSION_ID', '')}"
    )
    return {
        "type": "library",
        "bom-ref": purl,
        "name": about["name"],
        "version": about["version"],
        "scope": "required",
        "purl": purl,
        "properties": [
            {"name": "kstream:linked", "value": how},
            {"name": "kstream:source-package", "value": about["source"]},
        ],
    }


def sha256(file: Path) -> list[dict[str, str]]:
    return [{"alg": "SHA-256", "content": hashlib.sha256(file.read_bytes()).hexdigest()}]


# ---- what the build says -------------------------------------------------------------------------


def link_inputs(build: Path, target: str) -> set[Path]:
    """Archives of others in the link command of the binary."""
    command = said_by("ninja", "-t", "commands", "-s", target, cwd=build)
    files = {(build / word).resolve() for word in re.findall(r"\S+\.a\b", command)}
    return {file for file in files if not file.is_relative_to(build)}


def headers(build: Path, target: str) -> set[Path]:
    """Of others, that the objects of the binary were compiled with."""
    objects = set(said_by("ninja", "-t", "inputs", target, cwd=build).split())
    found: set[Path] = set()
    current = ""
    for line in said_by("ninja", "-t", "deps", cwd=build).splitlines():
        if not line.startswith(" "):
            current = line.partition(":")[0]
        elif current in objects:
            found.add((build / line.strip()).resolve())
    own = (ROOT / "src", ROOT / "include", build)
    return {file for file in found if not any(file.is_relative_to(folder) for folder in own)}


def shared_libraries(binary: Path) -> set[Path]:
    """All that the dynamic linker loads, also those that other libraries need."""
    lines = said_by("ldd", binary).splitlines()
    found = [re.search(r"(?:=> |^\s+)(/\S+)", line) for line in lines]
    return {Path(one[1]).resolve() for one in found if one}


def librdkafka(binary: Path, archives: set[Path]) -> dict[str, object]:
    """The one library that is in the binary as a whole, from its own source package."""
    said = said_by(binary, "--version")
    version = re.search(r"librdkafka (\S+)", said)
    assert version, "kstream --version names its librdkafka"
    (archive,) = [file for file in archives if file.name == "librdkafka.a"]
    purl = f"pkg:github/confluentinc/librdkafka@v{version[1]}"
    return {
        "type": "library",
        "bom-ref": purl,
        "name": "librdkafka",
        "version": version[1],
        "scope": "required",
        "hashes": sha256(archive),
        "purl": purl,
        "pedigree": {
            "patches": [{"type": "unofficial"}],
            "notes": "scripts/librdkafka/record-batches.patch (docs/adr/0025-whole-batches.md), "
            "scripts/librdkafka/leave-group.patch (docs/adr/0034-leave-group.md), "
            "scripts/librdkafka/no-brokers.patch (docs/RELIABILITY.md)",
        },
        "properties": [{"name": "kstream:linked", "value": "static"}],
    }


def components(binary: Path, build: Path) -> list[dict[str, object]]:
    target = str(binary.relative_to(build))
    archives = link_inputs(build, target)
    shared = packages_of(shared_libraries(binary))
    static = packages_of(archives)
    # Of the same source as a library that is linked: its headers say nothing new.
    known = {package(name)["source"] for name in [*shared, *static]}
    compiled = [
        name
        for name in packages_of(headers(build, target))
        if package(name)["source"] not in known and not name.startswith("linux-libc-dev")
    ]
    found = [librdkafka(binary, archives)]
    found += [debian_component(name, "dynamic") for name in shared]
    found += [debian_component(name, "static") for name in static if name not in shared]
    found += [debian_component(name, "headers") for name in compiled]
    return sorted(found, key=lambda one: str(one["bom-ref"]))


def document(binary: Path) -> dict[str, object]:
    build = binary.parents[1]
    version = re.match(r"kstream (\S+) \(revision (\S+)\)", said_by(binary, "--version"))
    assert version, "kstream --version names itself"
    digest = sha256(binary)
    parts = components(binary, build)
    own = f"pkg:generic/kstream@{version[1]}"
    return {
        "bomFormat": "CycloneDX",
        "specVersion": "1.5",
        "serialNumber": f"urn:uuid:{uuid.uuid5(NAMESPACE, digest[0]['content'])}",
        "version": 1,
        "metadata": {
            "component": {
                "type": "application",
                "bom-ref": own,
                "name": "kstream",
                "version": version[1],
                "hashes": digest,
                "licenses": [{"license": {"id": "Apache-2.0"}}],
                "purl": own,
                "properties": [{"name": "kstream:revision", "value": version[2]}],
            }
        },
        "components": parts,
        "dependencies": [{"ref": own, "dependsOn": [one["bom-ref"] for one in parts]}],
    }


def main() -> int:
    if len(sys.argv) > 2 or sys.argv[1:2] in (["--help"], ["-h"]):
        print(__doc__)
        return 2
    binary = Path(sys.argv[1] if sys.argv[1:] else ROOT / "build/release/bin/kstream").resolve()
    print(json.dumps(document(binary), indent=2))
    return 0


if __name__ == "__main__":
    sys.exit(main())
