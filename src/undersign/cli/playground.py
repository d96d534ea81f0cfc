"""``undersign playground [--port 8080]``: serve the tutorial's example service, for learning, on this machine."""

from __future__ import annotations

import argparse
import os
import signal
import socket
import sys
import threading
from contextlib import suppress
from typing import Final

import uvicorn

from ..errors import SettingsError
from ..playground.app import create
from ..playground.site import LOOPBACK, Site

__all__ = ["configure", "run"]

_HOST: Final = "127.0.0.1"
_PORT: Final = 8080
_BACKLOG: Final = 2048
_MAX_HEAD: Final = 256 * 1024  # a token travels in the address here, and one may have 64 KiB before it is encoded


def configure(parser: argparse.ArgumentParser) -> None:
    """Say what the command takes."""
    parser.add_argument("--port", type=int, default=_PORT, metavar="N", help=f"the port to bind (default: {_PORT})")
    parser.add_argument("--host", default=_HOST, help=f"the address to bind (default: {_HOST})")
    parser.add_argument(
        "--url",
        metavar="URL",
        help="the address that browsers use; must be given where --host is not this machine's own",
    )
    parser.add_argument("--with-parent", action="store_true", help="stop when standard input closes")


def run(options: argparse.Namespace) -> int:
    """Serve until told to stop."""
    _refuse_exposure(options)
    is_own = options.host in LOOPBACK
    site = Site(options.url, shared=is_own) if options.url else None  # refuses before anything is bound
    sockets = _sockets(options.host, options.port)
    site = site or Site(f"http://localhost:{sockets[0].getsockname()[1]}", shared=is_own)
    if options.with_parent:
        threading.Thread(target=_follow_parent, name="undersign-parent", daemon=True).start()
    config = uvicorn.Config(
        create(site),
        access_log=False,  # a line for each request would hold its token
        proxy_headers=False,
        server_header=False,
        log_level="warning",
        timeout_graceful_shutdown=5,
        h11_max_incomplete_event_size=_MAX_HEAD,
        ws="none",
    )
    print(f"undersign playground: {site.url}  (http {site.url} shows the commands; Ctrl-C ends it)", flush=True)
    uvicorn.Server(config).run(sockets=sockets)
    return 0


def _refuse_exposure(options: argparse.Namespace) -> None:
    """Serve this machine only, unless the address that others use is said.

    Raises:
        SettingsError: The bind reaches other machines and nothing says under which address.
    """
    if options.url is None and options.host not in LOOPBACK:
        raise SettingsError(
            f"{options.host} can be reached from other machines, and the playground shows its secrets to whoever asks.",
            help="Leave --host out; or put TLS before it and say so: --url https://play.example",
        )


def _sockets(host: str, port: int) -> list[socket.socket]:
    """The port on the host, and on both loopbacks where that is the default, for a browser may try either."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    try:
        bound = [socket.create_server((host, port), family=family, backlog=_BACKLOG)]
    except OSError as error:
        raise SettingsError(
            f"Port {port} of {host} cannot be bound: {error.strerror}.", help="Choose another one: --port 8081"
        ) from None
    if host == _HOST:
        port = bound[0].getsockname()[1]
        with suppress(OSError):  # this machine has no IPv6
            bound.append(socket.create_server(("::1", port), family=socket.AF_INET6, backlog=_BACKLOG))
    return bound


def _follow_parent() -> None:
    """Wait until standard input closes, which it does when the process that started this one is gone."""
    while sys.stdin.buffer.read(4096):
        pass
    os.kill(os.getpid(), signal.SIGTERM)
