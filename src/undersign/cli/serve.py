"""``undersign serve FILE``: run the servers that a configuration file describes."""

from __future__ import annotations

import argparse
import os
import signal
import socket
import sys
import threading
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit

import uvicorn
from uvicorn.supervisors import Multiprocess

from ..assemble import assemble
from ..settings import Settings, load
from ..settings.check import check_safe
from ..web.app import FILE_VARIABLE, create
from ..web.connection import Connection

try:
    import resource
except ImportError:  # not on this system
    resource = None  # type: ignore[assignment]

__all__ = ["configure", "run"]

_DEFAULT_HOST: Final = "127.0.0.1"
_BACKLOG: Final = 2048
_CONNECTIONS: Final = 900  # then 503; a process may open 1024 files on most systems
_IDLE: Final = 75  # seconds; longer than the 60 of most proxies, so that none uses a connection that we just closed
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
    settings = load(options.file)
    host = options.host or settings.server.host
    settings = replace(settings, server=replace(settings.server, host=host))
    check_safe(settings)
    if options.with_parent:
        threading.Thread(target=_follow_parent, name="undersign-parent", daemon=True).start()
    port = options.port or settings.server.port or _port(settings)
    config = _config(options, host, port)
    if options.workers > 1:
        return _serve_many(options, settings, config)
    _keep_secrets_out_of_core_dumps()
    house = assemble(settings)
    config.app = create(house)
    print(f"undersign: serving {house.url} ({', '.join(settings.server.roles)}); audit root {house.root}", flush=True)
    uvicorn.Server(config).run(sockets=_sockets(settings, host, port))
    return 0


def _config(options: argparse.Namespace, host: str, port: int) -> uvicorn.Config:
    return uvicorn.Config(
        "undersign.web.app:from_environment",
        factory=options.workers > 1,
        host=host,
        port=port,
        workers=options.workers,
        access_log=not options.quiet,
        proxy_headers=False,
        server_header=False,
        date_header=True,
        log_level="info",
        timeout_graceful_shutdown=10,
        http=Connection,
        ws="none",
        limit_concurrency=_CONNECTIONS,
        timeout_keep_alive=_IDLE,
    )


def _serve_many(options: argparse.Namespace, settings: Settings, config: uvicorn.Config) -> int:
    """Converge once, then let each process build its own server of the same file."""
    kept = dict(os.environ)
    assemble(settings).close()  # makes the database and the keys, so that no two processes race for the first ones
    os.environ.update(kept)  # secrets named as env: are read again by each process
    os.environ[FILE_VARIABLE] = str(options.file.resolve())
    bound = _sockets(settings, config.host, config.port) or [config.bind_socket()]
    Multiprocess(config, sockets=bound).run()
    return 0


def _sockets(settings: Settings, host: str, port: int) -> list[socket.socket] | None:
    """Both loopbacks where the address says localhost, for a browser may try either; None leaves it to the server."""
    if host != _DEFAULT_HOST or urlsplit(settings.server.url).hostname != "localhost":
        return None
    first = socket.create_server((host, port), backlog=_BACKLOG)
    with suppress(OSError):
        return [first, socket.create_server(("::1", port), family=socket.AF_INET6, backlog=_BACKLOG)]
    return [first]  # this machine has no IPv6


def _keep_secrets_out_of_core_dumps() -> None:
    if resource is not None:
        with suppress(ValueError, OSError):
            resource.setrlimit(resource.RLIMIT_CORE, (0, 0))


def _port(settings: Settings) -> int:
    parts = urlsplit(settings.server.url)
    return parts.port or _DEFAULT_PORT[parts.scheme]


def _follow_parent() -> None:
    """Wait until standard input closes, which it does when the process that started this one is gone."""
    while sys.stdin.buffer.read(4096):
        pass
    os.kill(os.getpid(), signal.SIGTERM)
