"""``python -m examples.signing_backend FILE``: serve the backend on this machine."""

from __future__ import annotations

import os
import signal
import sys
import threading
from pathlib import Path

from undersign.serve.server import bind, build, run

from .app import create
from .authorization import AuthorizationServer
from .settings import load
from .signing import SigningServer
from .wire import to_stdout


def main() -> None:
    """Fetch the keys to believe in, then serve."""
    settings = load(Path(sys.argv[1]))
    if "--with-parent" in sys.argv[2:]:
        threading.Thread(target=_follow_parent, daemon=True).start()
    authorization = AuthorizationServer(settings, to_stdout)
    signing = SigningServer(settings, to_stdout)
    # With limits for what has no end in HTTP, which a server has by itself seldom: heads, trailers, connections.
    run(
        build(create(authorization, signing, to_stdout, port=settings.port)),
        bind("127.0.0.1", settings.port, both=True),
    )


def _follow_parent() -> None:
    # Past sys.stdin, whose lock this thread would hold while the interpreter ends, which then aborts.
    while os.read(0, 4096):
        pass
    os.kill(os.getpid(), signal.SIGTERM)


if __name__ == "__main__":
    main()
