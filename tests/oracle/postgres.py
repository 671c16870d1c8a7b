"""A PostgreSQL server for one test: a directory and a socket of its own, no network, nothing of
the machine's. Debian's postgresql, 15 or later; the database is UTF-8, sorted by bytes, in UTC."""

from __future__ import annotations

import os
import pwd
import shutil
import subprocess
import tempfile
from pathlib import Path

USER = "postgres"  # the server refuses to run as root
SETTINGS = {
    "listen_addresses": "''",
    "fsync": "off",
    "synchronous_commit": "off",
    "full_page_writes": "off",
    "timezone": "'UTC'",
    "max_connections": "10",
    "shared_buffers": "'32MB'",
    "autovacuum": "off",
    "dynamic_shared_memory_type": "mmap",  # /dev/shm may belong to somebody else
}


def programs() -> Path | None:
    """Where the newest server's programs are; None where there is none."""
    found = [path.parent for path in Path("/usr/lib/postgresql").glob("*/bin/initdb")
             if int(path.parts[-3]) >= 15]  # fmt: skip
    return max(found, key=lambda path: int(path.parts[-2]), default=None)


class Server:
    """with Server() as server: server.run("SELECT 1")"""

    def __enter__(self) -> Server:
        found = programs()
        assert found, "no PostgreSQL here: scripts/setup.sh installs it"
        self.bin = found
        self.folder = Path(tempfile.mkdtemp(prefix="oracle-"))
        if os.geteuid() == 0:
            os.chown(self.folder, pwd.getpwnam(USER).pw_uid, pwd.getpwnam(USER).pw_gid)
        try:
            self._do("initdb", "-D", "data", "-U", USER, "-E", "UTF8", "--locale=C", "--no-sync")
            settings = "".join(f"{name} = {value}\n" for name, value in SETTINGS.items())
            settings += f"unix_socket_directories = '{self.folder}'\n"
            (self.folder / "data" / "postgresql.conf").write_text(settings)
            self._do("pg_ctl", "-D", "data", "-l", "log", "-w", "start")
        except BaseException as error:
            log = self.folder / "log"
            said = log.read_text(errors="replace") if log.exists() else ""
            shutil.rmtree(self.folder)
            raise RuntimeError(f"no server: {said[-2000:]}") from error
        return self

    def __exit__(self, *_: object) -> None:
        self._do("pg_ctl", "-D", "data", "-m", "immediate", "-w", "stop")
        shutil.rmtree(self.folder)

    def _as_user(self, *command: str) -> list[str]:
        return ["runuser", "-u", USER, "--", *command] if os.geteuid() == 0 else list(command)

    def _do(self, program: str, *arguments: str) -> None:
        done = subprocess.run(self._as_user(str(self.bin / program), *arguments), cwd=self.folder,
                              stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
                              stderr=subprocess.PIPE, text=True, check=False)  # fmt: skip
        if done.returncode != 0:
            raise RuntimeError(f"{program}: {done.stderr}")

    def run(self, sql: str, database: str = "postgres") -> str:
        """All of a script's answers, unaligned; an error of SQL is an exception."""
        done = subprocess.run(
            self._as_user(str(self.bin / "psql"), "-h", str(self.folder), "-U", USER, "-X", "-q",
                          "-A", "-t", "-v", "ON_ERROR_STOP=1", "-f", "-", database),
            input=sql, cwd=self.folder, capture_output=True, text=True, check=False,
            encoding="utf-8")  # fmt: skip
        if done.returncode != 0:
            raise RuntimeError(f"psql: {done.stderr[-2000:]}")
        return done.stdout
