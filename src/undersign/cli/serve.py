"""``undersign serve FILE``: run the servers that a configuration file describes."""

from __future__ import annotations

import argparse
import os
import signal
import socket
import threading
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlsplit

from ..assemble import House, assemble, check_safe
from ..errors import SettingsError
from ..serve.server import bind, build
from ..serve.server import run as run_server
from ..serve.supervisor import Supervisor
from ..settings import Settings, load
from ..web.app import create
from ..web.request_log import RequestLog

try:
    import resource
except ImportError:  # not on this system
    resource = None  # type: ignore[assignment]

__all__ = ["configure", "run"]

_DEFAULT_PORT: Final = {"http": 80, "https": 443}


def configure(parser: argparse.ArgumentParser) -> None:
    """Say what the command takes."""
    parser.add_argument("file", type=Path, metavar="FILE", help="the configuration file")
    parser.add_argument("--host", help="the address to bind (default: [server] host, else 127.0.0.1)")
    parser.add_argument("--port", type=int, help="the port to bind (default: the one of [server] url)")
    parser.add_argument("--workers", type=int, default=1, metavar="N", help="how many processes (default: 1)")
    parser.add_argument("--with-parent", action="store_true", help="stop when standard input closes")
    parser.add_argument("--quiet", action="store_true", help="no line for each request")


def run(options: argparse.Namespace) -> int:
    """Check the file, build the server, serve until told to stop."""
    if options.workers < 1:
        raise SettingsError("--workers takes a number of processes, one at least.")
    settings = _settings(options.file, options.host)
    check_safe(settings)
    if options.with_parent:
        threading.Thread(target=_follow_parent, name="undersign-parent", daemon=True).start()
    port = options.port or settings.server.port or _port(settings)
    both = urlsplit(settings.server.url).hostname == "localhost"  # a browser may try either loopback
    sockets = bind(settings.server.host, port, both=both)
    if options.workers > 1:
        _serve_many(options, settings, sockets)
        return 0
    _keep_secrets_out_of_core_dumps()
    house = assemble(settings)
    _serve(house, sockets, partial(_announce, *_facts(house, sockets)), quiet=options.quiet)
    return 0


def _serve_many(options: argparse.Namespace, settings: Settings, sockets: list[socket.socket]) -> None:
    """Converge once, then let each process build its own server of the same file."""
    kept = dict(os.environ)
    house = assemble(settings)  # makes the database and the keys, so that no two processes race for the first ones
    facts = _facts(house, sockets)
    house.close()
    os.environ.update(kept)  # secrets named as env: are read again by each process
    one = partial(_serve_file, options.file.resolve(), options.host, quiet=options.quiet)
    Supervisor(one, sockets, options.workers).run(partial(_announce, *facts))


def _serve_file(
    file: Path, host: str | None, sockets: list[socket.socket], ready: Callable[[], None], *, quiet: bool
) -> None:
    """Be one of several processes."""
    _keep_secrets_out_of_core_dumps()
    settings = _settings(file, host)
    check_safe(settings)  # the file may be another by now
    _serve(assemble(settings), sockets, ready, quiet=quiet)


def _serve(house: House, sockets: list[socket.socket], ready: Callable[[], None], *, quiet: bool) -> None:
    app: Any = create(house, log=None if quiet else RequestLog())
    run_server(build(app, ready=ready), sockets)


def _settings(file: Path, host: str | None) -> Settings:
    settings = load(file)
    return replace(settings, server=replace(settings.server, host=host)) if host else settings


def _facts(house: House, sockets: Sequence[socket.socket]) -> tuple[str, str, str, str]:
    where = ", ".join(f"[{host}]:{port}" if ":" in host else f"{host}:{port}" for host, port in map(_place, sockets))
    return house.url, ", ".join(house.settings.server.roles), where, house.root


def _place(bound: socket.socket) -> tuple[str, int]:
    host, port = bound.getsockname()[:2]
    return host, port


def _announce(url: str, roles: str, where: str, root: str) -> None:
    # Both, for they differ behind a proxy, or with --port: what clients call it, and what is bound.
    print(f"undersign: serving {url} ({roles}), listening on {where}; audit root {root}", flush=True)


def _keep_secrets_out_of_core_dumps() -> None:
    if resource is not None:
        with suppress(ValueError, OSError):
            resource.setrlimit(resource.RLIMIT_CORE, (0, 0))


def _port(settings: Settings) -> int:
    parts = urlsplit(settings.server.url)
    return parts.port or _DEFAULT_PORT[parts.scheme]


def _follow_parent() -> None:
    """Wait until standard input closes, which it does when the process that started this one is gone."""
    # Past sys.stdin, whose lock this thread would hold while the interpreter ends, which then aborts.
    while os.read(0, 4096):
        pass
    os.kill(os.getpid(), signal.SIGTERM)
