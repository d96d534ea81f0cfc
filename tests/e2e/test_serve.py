"""`undersign serve` as one process and as several: secrets reach each, a stop is good order, the log holds no query."""

import json
import os
import secrets
import signal
import subprocess
import sys
import time
from contextlib import contextmanager
from http.client import HTTPConnection
from pathlib import Path

import pytest

from tests.e2e.running import Caller, write
from undersign.encoding import b64url_encode

pytestmark = pytest.mark.slow
STORAGE = '\n[storage]\nurl = "sqlite:undersign.db"\nmaster_key = "env:MASTER"\n'


@contextmanager
def serving(folder, *words, stdin=None):
    """Serve a configuration whose master key is in the environment; what the server says goes to a file."""
    caller = Caller(write(folder))
    file = folder / "undersign.toml"
    file.write_text(file.read_text() + STORAGE)
    environment = {**os.environ, "MASTER": b64url_encode(secrets.token_bytes(32))}
    command = [sys.executable, "-m", "undersign.cli.main", "serve", str(file), *words]
    with (folder / "server.log").open("ab") as log:
        process = subprocess.Popen(command, stdout=log, stderr=log, stdin=stdin, env=environment)
    try:
        wait_until_ready(process, folder)
        yield caller, process
    finally:
        if process.poll() is None:
            process.terminate()
            process.wait(30)


def wait_until_ready(process, folder):
    """Wait for the line that is printed when all processes serve."""
    for _ in range(1200):
        said = (folder / "server.log").read_text()
        if "undersign: serving" in said:
            return
        assert process.poll() is None, said
        time.sleep(0.05)


def children_of(process):
    return [int(pid) for pid in Path(f"/proc/{process.pid}/task/{process.pid}/children").read_text().split()]


@pytest.mark.parametrize("workers", ["1", "2"])
def test_a_server_serves_and_stops_in_good_order(tmp_path, workers):
    """An assertion works once whichever process is asked, and the end has exit code 0 and every line of the log."""
    with serving(tmp_path, "--workers", workers) as (caller, process):
        assertion = caller.minter.mint()
        statuses = [caller.ask(assertion)[0] for _ in range(8)]
        assert caller.sign(caller.token(), b"document")[0] == 200
        caller.send("POST", "/token?client_assertion=s3cret")
        process.send_signal(signal.SIGTERM)
        code = process.wait(30)
    said = (tmp_path / "server.log").read_text().splitlines()
    asked = [json.loads(line) for line in said if line.startswith("{")]

    assert (code, statuses) == (0, [200] + [401] * 7)
    assert sum(line.startswith("undersign: serving http://localhost:") for line in said) == 1
    assert [line["status"] for line in asked if line["path"] == "/token"].count(401) == 7
    assert "s3cret" not in "".join(said)
    assert not any("Traceback" in line for line in said)


def test_both_loopbacks_are_served(tmp_path):
    """What is called localhost answers on either address, for a browser may try either."""
    with serving(tmp_path, "--workers", "2", "--quiet") as (caller, _):
        port = int(caller.url.rpartition(":")[2])
        for address in ("127.0.0.1", "::1"):
            connection = HTTPConnection(address, port, timeout=20)
            connection.request("GET", "/healthz", headers={"Host": f"localhost:{port}"})
            assert connection.getresponse().status == 200
            connection.close()
    assert '"path"' not in (tmp_path / "server.log").read_text()


def test_one_that_was_killed_is_replaced_with_its_secrets(tmp_path):
    """A replacement has the master key that the dead one took out of its environment."""
    with serving(tmp_path, "--workers", "2") as (caller, process):
        for child in children_of(process):
            if "spawn_main" in Path(f"/proc/{child}/cmdline").read_text():
                os.kill(child, signal.SIGKILL)
        time.sleep(0.1)  # what they had accepted is lost with them
        assert caller.sign(caller.token(), b"document")[0] == 200


@pytest.mark.parametrize("moment", [0.2, 0.6, 1.0, 1.4])
def test_a_stop_while_it_starts_is_a_stop(tmp_path, moment):
    """Whatever a process is doing when it is told to stop, it does, and long before its time is over."""
    write(tmp_path)
    words = [sys.executable, "-m", "undersign.cli.main", "serve", str(tmp_path / "undersign.toml"), "--workers", "2"]
    with (tmp_path / "server.log").open("ab") as log:
        process = subprocess.Popen(words, stdout=log, stderr=log)
    time.sleep(moment)
    process.send_signal(signal.SIGTERM)
    try:
        process.wait(12)  # a child that did not hear it would be killed after 15
    finally:
        process.kill()


def test_a_port_that_is_taken_is_said(tmp_path):
    """A second server on the same port ends at once with the reason, before it has touched anything."""
    with serving(tmp_path, "--quiet"):
        words = [
            sys.executable,
            "-m",
            "undersign.cli.main",
            "serve",
            str(tmp_path / "undersign.toml"),
            "--workers",
            "2",
        ]
        ran = subprocess.run(words, capture_output=True, text=True, check=False, timeout=60)

    assert ran.returncode == 1
    assert "cannot be bound" in ran.stderr


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_stop_with_a_parent_that_stays_is_a_stop(tmp_path, number):
    """A server that watches standard input ends in good order while that is still open."""
    reading, writing = os.pipe()
    try:
        with serving(tmp_path, "--with-parent", stdin=reading) as (_, process):
            process.send_signal(number)
            code = process.wait(30)
    finally:
        os.close(reading)
        os.close(writing)

    assert code == (0 if number == signal.SIGTERM else 130)
    assert "Fatal" not in (tmp_path / "server.log").read_text()
