"""A small application behind the server that everything of ours uses, in a thread of this process."""

from __future__ import annotations

import asyncio
import json
import re
import socket
import threading
import time
from contextlib import contextmanager

from undersign.serve.connection import Connection
from undersign.serve.server import bind, build

HEAD = b"%b HTTP/1.1\r\nHost: here\r\n%b"
GET = HEAD % (b"GET /", b"\r\n")


async def app(scope, receive, send):
    """Tell what arrived: after all of it at /all, after a while at /slow, a lot of it at /large, and else at once."""
    if scope["type"] != "http":
        raise NotImplementedError
    size, more = 0, scope["path"] == "/all"
    while more:
        message = await receive()
        more = message.get("more_body", False)
        size += len(message.get("body", b""))
    if scope["path"] == "/slow":
        await asyncio.sleep(0.3)
    fields = [[name.decode(), value.decode("latin-1")] for name, value in scope["headers"]]
    found = {"method": scope["method"], "path": scope["path"], "fields": fields, "size": size}
    if scope["path"] == "/large":
        found["filling"] = "x" * 16_000_000
    body = json.dumps(found).encode()
    await send(
        {"type": "http.response.start", "status": 200, "headers": [(b"content-length", str(len(body)).encode())]}
    )
    await send({"type": "http.response.body", "body": body})


@contextmanager
def serving(application=app, **limits):
    """Serve until the block ends; limits are those of `Connection`, or of `build`."""
    own = {name: limits.pop(name) for name in tuple(limits) if hasattr(Connection, name)}
    server = build(application, connection=type("Limited", (Connection,), own), **limits)
    (bound,) = bind("127.0.0.1", 0)
    thread = threading.Thread(target=server.run, kwargs={"sockets": [bound]})
    address = bound.getsockname()
    thread.start()
    try:
        while not server.started:
            time.sleep(0.01)
        yield address
    finally:
        server.should_exit = True
        thread.join()


def exchange(address, *pieces, pause=0.05):
    """Send pieces, and read until the other side closes or has been silent for a while; what came, and if it closed."""
    answer = b""
    with socket.create_connection(address, timeout=10) as caller:
        for piece in pieces[:-1]:
            caller.sendall(piece)
            time.sleep(pause)
        caller.sendall(pieces[-1])
        caller.settimeout(0.6)
        while True:
            try:
                got = caller.recv(1 << 20)
            except TimeoutError:
                return answer, False
            except ConnectionError:
                return answer, True
            if not got:
                return answer, True
            answer += got


def told(answer):
    """The statuses of the answers that came on one connection, and what the application told in the last one."""
    statuses = [int(status) for status in re.findall(rb"HTTP/1\.1 ([0-9]{3}) ", answer)]
    body = answer.rpartition(b"\r\n\r\n")[2]
    return statuses, json.loads(body) if body.startswith(b"{") else None


def drip(address, first, drop=b"", *, pause=0.1, patience=8):
    """Send a beginning, then drop after drop until the other side closes; its answer, and how long that took."""
    start = time.monotonic()
    answer = b""
    with socket.create_connection(address, timeout=10) as caller:
        caller.sendall(first)
        caller.settimeout(pause)
        while time.monotonic() - start < patience:
            try:
                got = caller.recv(65536)
                if not got:
                    break
                answer += got
            except TimeoutError:
                if drop:
                    caller.sendall(drop)
            except ConnectionError:
                break
    return answer, time.monotonic() - start


def flood(address, first, drop, *, most=24 * 1024 * 1024):
    """Send a beginning, then more and more, reading what comes; the answer, and whether that was ended."""
    answer, sent = b"", 0
    with socket.create_connection(address, timeout=10) as caller:
        caller.sendall(first)
        caller.setblocking(False)
        waited = time.monotonic()
        while sent < most and time.monotonic() - waited < 2:
            try:
                sent += caller.send(drop)
                waited = time.monotonic()
            except BlockingIOError:
                time.sleep(0.001)
            except ConnectionError:
                return answer, True
            try:
                got = caller.recv(1 << 20)
                if not got:
                    return answer, True
                answer += got
            except BlockingIOError:
                pass
            except ConnectionError:
                return answer, True
    return answer, False
