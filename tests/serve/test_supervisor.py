"""Several processes behind one socket: they are replaced, stopped and restarted, and nobody is left behind."""

import json
import os
import signal
import subprocess
import sys
import threading
import time
from contextlib import contextmanager, suppress
from http.client import HTTPConnection, HTTPException
from pathlib import Path

import pytest

pytestmark = pytest.mark.slow


class Family:
    """A supervisor and its children."""

    def __init__(self, folder, count):
        self.folder = folder
        self.log = folder / "log"
        words = [sys.executable, "-m", "tests.serve.family", str(folder), str(count)]
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(words, stdout=log, stderr=log, env={**os.environ, "SECRET": "s3cret"})

    def port(self):
        until(lambda: (self.folder / "port").exists() or self.process.poll() is not None)
        return int((self.folder / "port").read_text())

    def ask(self, path="/pid"):
        connection = HTTPConnection("127.0.0.1", self.port(), timeout=20)
        try:
            connection.request("GET", path)
            return json.loads(connection.getresponse().read())
        finally:
            connection.close()

    def children(self):
        """Those that serve, found by asking: the kernel gives each connection to any of them."""
        return {self.ask()["pid"] for _ in range(60)}

    def said(self):
        return self.log.read_text()


def until(condition, patience=30):
    """Wait until it is so."""
    deadline = time.monotonic() + patience
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.05)


def is_alive(pid):
    """Tell whether a process runs; one that ended and waits for its parent does not."""
    with suppress(OSError):
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    return False


@contextmanager
def family(folder, count=2):
    """Serve until the block ends; nobody survives it."""
    one = Family(folder, count)
    try:
        yield one
    finally:
        if one.process.poll() is None:
            one.process.terminate()
            one.process.wait(30)


@contextmanager
def load(one, path="/pid"):
    """Callers who ask without a pause; how many were answered, and what went wrong for the others."""
    found = {"answered": 0, "wrong": []}
    ended = threading.Event()

    def call():
        while not ended.is_set():
            try:
                one.ask(path)
                found["answered"] += 1
            except ConnectionRefusedError:
                if one.process.poll() is None and not found.get("stopping"):
                    found["wrong"].append("refused")
            except (OSError, HTTPException, ValueError) as error:
                found["wrong"].append(repr(error))

    callers = [threading.Thread(target=call) for _ in range(4)]
    one.port()
    for each in callers:
        each.start()
    try:
        yield found
    finally:
        ended.set()
        for each in callers:
            each.join()


def test_all_of_them_serve_and_have_the_environment(tmp_path):
    """So many processes as were asked for answer, each with the environment that the first one had."""
    with family(tmp_path) as one:
        until(lambda: len(one.children()) == 2)
        assert {one.ask()["secret"] for _ in range(10)} == {"s3cret"}


@pytest.mark.parametrize("how", ["killed", "exits"])
def test_the_dead_are_replaced(tmp_path, how):
    """Who dies is replaced by another, is said with the way of the death, and the socket never closes."""
    with family(tmp_path) as one:
        until(lambda: len(one.children()) == 2)
        before = one.children()
        if how == "killed":
            os.kill(min(before), signal.SIGKILL)
        else:
            with pytest.raises((OSError, HTTPException)):
                one.ask("/die")
        until(lambda: len(one.children() - before) == 1)
        assert len(one.children()) == 2
        assert ("signal 9" if how == "killed" else "exit code 7") in one.said()


def test_who_dies_again_and_again_is_waited_for(tmp_path):
    """Each death within a minute makes the pause before the next replacement longer."""
    with family(tmp_path) as one:
        for deaths in (1, 2, 3):
            os.kill(min(one.children()), signal.SIGKILL)
            until(lambda deaths=deaths: one.said().count("died") == deaths)
            until(lambda: len(one.children()) == 2)
        assert [f"in {pause} s" in one.said() for pause in ("0.5", "1", "2")] == [True] * 3


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_stop_answers_what_is_running(tmp_path, number):
    """Requests that had begun are answered, nobody is left behind, and the exit code says that it went well."""
    with family(tmp_path) as one:
        until(lambda: len(one.children()) == 2)
        pids = one.children()
        with load(one, "/slow") as found:
            time.sleep(0.5)
            found["stopping"] = True
            one.process.send_signal(number)
            code = one.process.wait(20)
    wrong = [error for error in found["wrong"] if "refused" not in error and "Reset" not in error]

    assert found["answered"] >= 4
    assert wrong == []  # a reset is a connection that nobody had accepted yet, so that nothing of it had begun
    assert not any(map(is_alive, pids))
    assert code == (0 if number == signal.SIGTERM else -2)  # a KeyboardInterrupt, which `undersign` turns into 130


@pytest.mark.parametrize(
    "fault,reason", [("refuse", "[invalid_settings] The file is not one. Write another."), ("crash", "exit code 9")]
)
def test_one_that_cannot_start_ends_all_with_its_reason(tmp_path, fault, reason):
    """Nothing is tried again and again: the command ends, with the reason and not with 0."""
    (tmp_path / fault).touch()
    with family(tmp_path) as one:
        code = one.process.wait(30)

    assert code == 1
    assert one.said().count(reason) == 1
    assert "Traceback" not in one.said()


def test_a_replacement_that_cannot_start_ends_all(tmp_path):
    """Where one has died and its successor cannot start, the command ends, and with it those that served on."""
    with family(tmp_path) as one:
        until(lambda: len(one.children()) == 2)
        pids = one.children()
        (tmp_path / "refuse").touch()
        os.kill(min(pids), signal.SIGKILL)
        code = one.process.wait(30)

    assert code == 1
    assert "The file is not one." in one.said()
    assert not any(map(is_alive, pids))


def test_a_parent_that_is_killed_leaves_nobody_behind(tmp_path):
    """Children learn that their parent is gone, however it went."""
    with family(tmp_path) as one:
        until(lambda: len(one.children()) == 2)
        pids = one.children()
        one.process.kill()
        one.process.wait()
        until(lambda: not any(map(is_alive, pids)))


def test_hup_restarts_one_by_one(tmp_path):
    """All are replaced by processes that read their files again, and no request is lost meanwhile."""
    with family(tmp_path) as one:
        until(lambda: len(one.children()) == 2)
        before = one.children()
        with load(one, "/slow") as found:
            one.process.send_signal(signal.SIGHUP)
            until(lambda: not any(map(is_alive, before)))
        after = one.children()

    assert not before & after
    assert len(after) == 2
    assert found["wrong"] == []
    assert found["answered"] > 0


def test_a_restart_that_cannot_be_leaves_what_serves(tmp_path):
    """Where the files are broken by then, the reason is said and the old processes go on."""
    with family(tmp_path) as one:
        until(lambda: len(one.children()) == 2)
        before = one.children()
        (tmp_path / "refuse").touch()
        one.process.send_signal(signal.SIGHUP)
        until(lambda: "not restarted" in one.said())
        assert one.children() == before
        (tmp_path / "refuse").unlink()
        one.process.send_signal(signal.SIGHUP)
        until(lambda: not any(map(is_alive, before)))
        assert len(one.children()) == 2
