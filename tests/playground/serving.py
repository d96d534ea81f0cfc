"""The playground over real HTTP in a thread of this process, so that a test can move its clock."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import uvicorn

from undersign.playground.app import create
from undersign.playground.site import Site


@contextmanager
def serving(clock: Callable[[], float]) -> Iterator[str]:
    """Serve until the block ends, and give the address."""
    with socket.create_server(("127.0.0.1", 0)) as bound:
        url = f"http://localhost:{bound.getsockname()[1]}"
        server = uvicorn.Server(
            uvicorn.Config(create(Site(url), clock=clock), log_level="critical", access_log=False, ws="none")
        )
        thread = threading.Thread(target=server.run, kwargs={"sockets": [bound]})
        thread.start()
        try:
            while not server.started:
                time.sleep(0.01)
            yield url
        finally:
            server.should_exit = True
            thread.join()
