"""A PostgreSQL of this session's own: made of the system's binaries, on a free loopback port, ended with the session.

It runs as a user without rights, since PostgreSQL refuses root, with fsync on and passwords by SCRAM. Nothing of a
cluster that the system runs is used or touched. A watcher, which waits for the end of a pipe that only this process
holds, ends the cluster and removes its folder, however this process ended.
"""

from __future__ import annotations

import os
import pwd
import secrets
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from itertools import count
from pathlib import Path
from typing import Any, Literal

import psycopg
from psycopg import sql

MISSING = "PostgreSQL's binaries are not here: apt-get install postgresql"
OWNER = "undersign"
SIGNALS = {"fast": signal.SIGINT, "immediate": signal.SIGQUIT, "kill": signal.SIGKILL}
SETTINGS = """
listen_addresses = '127.0.0.1'
port = {port}
unix_socket_directories = '{folder}'
fsync = on
synchronous_commit = on
password_encryption = 'scram-sha-256'
max_connections = 80
shared_buffers = 32MB
"""
# $1 is the folder. It reads until the pipe closes, then ends whoever the pid file names, if that is a PostgreSQL.
WATCH = r"""
cat >/dev/null
pid=$(head -n 1 "$1/data/postmaster.pid" 2>/dev/null) &&
  tr '\0' ' ' <"/proc/$pid/cmdline" 2>/dev/null | grep -qF "$1/data" && kill -QUIT "$pid"
for _ in 1 2 3 4 5 6 7 8 9 10; do kill -0 "${pid:-0}" 2>/dev/null && [ -n "$pid" ] && sleep 0.2; done
rm -rf "$1"
"""


def binaries() -> Path | None:
    """The folder with initdb and postgres in it: of the newest release that Debian put there, else from the path."""
    found = [path.parent for path in Path("/usr/lib/postgresql").glob("*/bin/initdb")]
    found.sort(key=lambda folder: int(folder.parent.name) if folder.parent.name.isdecimal() else 0)
    on_path = shutil.which("initdb")
    if on_path:
        found.insert(0, Path(on_path).resolve().parent)
    return next((folder for folder in reversed(found) if (folder / "postgres").exists()), None)


def _user() -> dict[str, Any]:
    """What to give to subprocess so that a program runs without root's rights."""
    if os.geteuid() != 0:
        return {}
    for name in ("postgres", "nobody"):
        with suppress(KeyError):
            entry = pwd.getpwnam(name)
            return {"user": entry.pw_uid, "group": entry.pw_gid, "extra_groups": []}
    raise RuntimeError("root cannot run PostgreSQL, and there is neither a user postgres nor nobody")


def lives(pid: int) -> bool:
    """Whether a process runs; one that has ended and that nobody has waited for does not."""
    with suppress(OSError):
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] not in "ZX"
    return False


def _children(pid: int) -> list[int]:
    found = []
    for path in Path("/proc").glob("[0-9]*/stat"):
        with suppress(OSError):
            if int(path.read_text().rpartition(")")[2].split()[1]) == pid:
                found.append(int(path.parent.name))
    return found


@dataclass(frozen=True, slots=True)
class Address:
    """One database: as the configuration file names it, and the password that it must not hold."""

    user: str
    port: int
    name: str
    password: str

    @property
    def url(self) -> str:
        """The address without the password."""
        return f"postgresql://{self.user}@127.0.0.1:{self.port}/{self.name}"

    def write_password(self, folder: Path) -> str:
        """Write the password to a file that only its owner reads; gives the reference to it, from that folder."""
        path = folder / f"{self.user}.password"
        path.touch(mode=0o600)
        path.write_text(self.password)
        return f"file:{path.name}"

    def storage(self, folder: Path) -> str:
        """The two lines that stand under [storage]."""
        return f'url = "{self.url}"\npassword = "{self.write_password(folder)}"\n'

    def connect(self) -> psycopg.Connection[Any]:
        """Connect past any server of ours; each statement is a transaction."""
        place: dict[str, Any] = {"host": "127.0.0.1", "port": self.port, "dbname": self.name, "user": self.user}
        return psycopg.connect(**place, password=self.password, autocommit=True, connect_timeout=5)


class Cluster:
    """One PostgreSQL, that can be stopped, killed and started again, with as many databases as tests."""

    def __init__(self, folder: Path, programs: Path) -> None:
        self.folder, self.data, self.programs = folder, folder / "data", programs
        self.password = secrets.token_hex(16)
        self.port = 0
        self._process: subprocess.Popen[bytes] | None = None
        self._numbers = count(1)
        self._user = _user()

    def make(self) -> None:
        """Make the cluster's files and start it."""
        secret = self.folder / "owner.password"
        secret.touch(mode=0o600)
        secret.write_text(self.password)
        if self._user:
            for path in (self.folder, secret):
                os.chown(path, self._user["user"], self._user["group"])
        words: list[str | Path] = [self.programs / "initdb", "-D", self.data, "-U", OWNER, "--pwfile", secret]
        words += ["--auth=scram-sha-256", "--encoding=UTF8", "--locale=C", "--no-sync"]
        made = subprocess.run(
            words, cwd=self.folder, capture_output=True, text=True, check=False, timeout=120, **self._user
        )
        assert made.returncode == 0, made.stdout + made.stderr
        with socket.socket() as held:
            held.bind(("127.0.0.1", 0))
            self.port = held.getsockname()[1]
        with (self.data / "postgresql.conf").open("a") as file:
            file.write(SETTINGS.format(port=self.port, folder=self.folder))
        self.start()

    def start(self) -> None:
        """Start it, unless it runs, and wait until it answers; after a kill it first recovers."""
        deadline = time.monotonic() + 60
        while not self._answers():
            assert time.monotonic() < deadline, self.log()
            if not self.running():  # after a kill it is refused until the last of the old processes has gone
                self._launch()
            time.sleep(0.05)

    def _launch(self) -> None:
        with (self.folder / "log").open("ab") as log:
            self._process = subprocess.Popen(
                [self.programs / "postgres", "-D", self.data],
                cwd=self.folder,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
                **self._user,
            )

    def running(self) -> bool:
        """Whether its first process lives."""
        return self._process is not None and self._process.poll() is None

    def stop(self, how: Literal["fast", "immediate", "kill"] = "fast") -> None:
        """End it: fast breaks connections and leaves clean files, immediate and kill leave a recovery to do."""
        if self._process is None or not self.running():
            return
        others = _children(self._process.pid) if how == "kill" else []
        self._process.send_signal(SIGNALS[how])
        self._process.wait(60)
        for pid in others:  # they would notice by themselves, but only after what they are doing
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        while any(lives(pid) for pid in others):
            time.sleep(0.01)

    def kill(self) -> None:
        """End all its processes by kill -9, the first one first: what is in its files is what there is."""
        self.stop("kill")

    def restart(self) -> None:
        """Stop fast and start, as `pg_ctl restart -m fast` does."""
        self.stop("fast")
        self.start()

    def log(self) -> str:
        """What it wrote last."""
        path = self.folder / "log"
        return path.read_text(errors="replace")[-2000:] if path.exists() else "no log yet"

    def create(self, template: str = "template1") -> Address:
        """Make a fresh database, a copy of the template."""
        name = f"test_{os.getpid()}_{next(self._numbers)}"
        with self._admin().connect() as connection:
            words = sql.SQL("CREATE DATABASE {} TEMPLATE {}")
            connection.execute(words.format(sql.Identifier(name), sql.Identifier(template)))
        return Address(OWNER, self.port, name, self.password)

    def drop(self, address: Address) -> None:
        """Remove a database and end whoever uses it."""
        with self._admin().connect() as connection:
            connection.execute(sql.SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)").format(sql.Identifier(address.name)))

    def limit(self, address: Address) -> Address:
        """Make a role that reads and writes this database's rows, of later tables too, and cannot change its schema."""
        role, password = f"limited_{address.name}", secrets.token_hex(16)
        named = {"role": sql.Identifier(role), "password": sql.Literal(password)}
        rights = (
            "CREATE ROLE {role} LOGIN PASSWORD {password}",
            "REVOKE CREATE ON SCHEMA public FROM PUBLIC",
            "GRANT USAGE ON SCHEMA public TO {role}",
            "GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA public TO {role}",
            "GRANT USAGE ON ALL SEQUENCES IN SCHEMA public TO {role}",
            "ALTER DEFAULT PRIVILEGES IN SCHEMA public GRANT SELECT, INSERT, UPDATE, DELETE ON TABLES TO {role}",
        )
        with address.connect() as connection:
            for words in rights:
                connection.execute(sql.SQL(words).format(**named))
        return Address(role, address.port, address.name, password)

    def _admin(self) -> Address:
        return Address(OWNER, self.port, "postgres", self.password)

    def _answers(self) -> bool:
        try:
            with self._admin().connect() as connection:
                return connection.execute("SELECT 1").fetchone() == (1,)
        except psycopg.Error:
            return False


@contextmanager
def cluster(programs: Path) -> Iterator[Cluster]:
    """Give a running cluster; it is gone, with its files, after the block or this process, however that ends."""
    folder = Path(tempfile.mkdtemp(prefix="undersign-pg-"))
    watcher = subprocess.Popen(
        ["/bin/sh", "-c", WATCH, "watch", folder],
        stdin=subprocess.PIPE,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
    made = Cluster(folder, programs)
    try:
        made.make()
        yield made
    finally:
        made.stop("immediate")
        assert watcher.stdin is not None
        watcher.stdin.close()
        watcher.wait(30)
