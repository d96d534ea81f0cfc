"""``undersign playground [--port 8080]``: serve the tutorial's example service, for learning, on this machine."""

from __future__ import annotations

import argparse
import os
import signal
import threading
from typing import ClassVar, Final

from ..errors import SettingsError
from ..playground.app import create
from ..playground.site import LOOPBACK, Site
from ..serve.connection import Connection
from ..serve.server import bind, build
from ..serve.server import run as run_server

__all__ = ["configure", "run"]

_HOST: Final = "127.0.0.1"
_PORT: Final = 8080


class _Connection(Connection):
    """A token travels in the address here, which may have 64 KiB beside what else a browser sends."""

    head_octets: ClassVar[int] = 128 * 1024


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
    sockets = bind(options.host, options.port, both=True)
    site = site or Site(f"http://localhost:{sockets[0].getsockname()[1]}", shared=is_own)
    if options.with_parent:
        threading.Thread(target=_follow_parent, name="undersign-parent", daemon=True).start()
    print(f"undersign playground: {site.url}  (http {site.url} shows the commands; Ctrl-C ends it)", flush=True)
    run_server(build(create(site), connection=_Connection), sockets)
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


def _follow_parent() -> None:
    """Wait until standard input closes, which it does when the process that started this one is gone."""
    # Past sys.stdin, whose lock this thread would hold while the interpreter ends, which then aborts.
    while os.read(0, 4096):
        pass
    os.kill(os.getpid(), signal.SIGTERM)
