"""The playground over real HTTP in a thread of this process, so that a test can move its clock."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager

from undersign.playground.app import create
from undersign.playground.site import Site
from undersign.serve.server import bind, build


@contextmanager
def serving(clock: Callable[[], float]) -> Iterator[str]:
    """Serve until the block ends, and give the address."""
    with closing(bind("127.0.0.1", 0)[0]) as bound:
        url = f"http://localhost:{bound.getsockname()[1]}"
        server = build(create(Site(url), clock=clock))
        thread = threading.Thread(target=server.run, kwargs={"sockets": [bound]})
        thread.start()
        try:
            while not server.started:
                time.sleep(0.01)
            yield url
        finally:
            server.should_exit = True
            thread.join()
