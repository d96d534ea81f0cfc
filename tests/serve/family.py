"""A family of processes behind one socket, for tests to end: `python -m tests.serve.family FOLDER COUNT`."""

from __future__ import annotations

import json
import os
import sys
from contextlib import suppress
from functools import partial
from pathlib import Path

from tests.serve.serving import app
from undersign.errors import SettingsError
from undersign.serve.server import bind, build, run
from undersign.serve.supervisor import Supervisor


async def answering(folder, scope, receive, send):
    """Tell the process at /pid, end it at /die, and else do as the usual application."""
    if scope["type"] != "http" or scope["path"] not in {"/pid", "/die"}:
        await app(scope, receive, send)
        return
    if scope["path"] == "/die":
        os._exit(7)
    body = json.dumps({"pid": os.getpid(), "secret": os.environ.get("SECRET")}).encode()
    await send({"type": "http.response.start", "status": 200, "headers": [(b"connection", b"close")]})
    await send({"type": "http.response.body", "body": body})


def serve(folder, sockets, ready):
    """Be one of them; what the folder holds says how it goes."""
    if (folder / "refuse").exists():
        raise SettingsError("The file is not one.", help="Write another.")
    if (folder / "crash").exists():
        os._exit(9)
    with suppress(KeyError):
        os.environ.pop("TAKEN")
    run(build(partial(answering, folder), ready=ready), sockets)


def main() -> None:
    """Supervise, and say what was bound."""
    folder, count = Path(sys.argv[1]), int(sys.argv[2])
    sockets = bind("127.0.0.1", 0)
    try:
        Supervisor(partial(serve, folder), sockets, count).run(
            lambda: (folder / "port").write_text(str(sockets[0].getsockname()[1]))
        )
    except SettingsError as error:
        sys.exit(f"undersign: {error.message} {error.help}".rstrip())


if __name__ == "__main__":
    main()
