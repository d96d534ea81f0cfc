"""The disk is full: 503 and nothing half-written, then service once there is room, without a restart.

A file system of a few MiB shows it as it is (ENOSPC), where this process may mount one; a limit on the size of the
server's files (RLIMIT_FSIZE, EFBIG) shows it anywhere.
"""

import os
import resource
import shutil
import subprocess
import time
from contextlib import ExitStack, contextmanager, suppress
from tempfile import TemporaryDirectory

import pytest

from tests.e2e.load import Load
from tests.e2e.running import Caller, serving, write

pytestmark = pytest.mark.slow

SMALL = 8 * 1024 * 1024
ROOM = 400 * 1024


@contextmanager
def small_disk(folder):
    """Mount a small file system on a folder; gives whether this process may."""
    words = ["mount", "-t", "tmpfs", "-o", f"size={SMALL},mode=700", "tmpfs", folder]
    mounted = os.geteuid() == 0 and subprocess.run(words, capture_output=True, check=False).returncode == 0
    try:
        yield mounted
    finally:
        if mounted:
            subprocess.run(["umount", "-l", folder], capture_output=True, check=True)


def ways() -> list[str]:
    """Which of the two this machine can show."""
    with TemporaryDirectory() as folder, small_disk(folder) as mounted:
        return ["limit", "file system"] if mounted else ["limit"]


@contextmanager
def a_file_system(folder, process):
    """Fill the file system up to some room; there is room again after the block."""
    ballast, free = folder / "ballast", shutil.disk_usage(folder).free
    with suppress(OSError):  # the server writes too: then there is no room at once
        ballast.write_bytes(b"\0" * (free - ROOM))
    yield
    ballast.unlink()


@contextmanager
def a_limit(folder, process):
    """Let the server's files grow by some octets; they may grow again after the block."""
    largest = max(path.stat().st_size for path in folder.glob("undersign.db*"))
    _, hard = resource.prlimit(process.pid, resource.RLIMIT_FSIZE)
    resource.prlimit(process.pid, resource.RLIMIT_FSIZE, (largest + ROOM, hard))
    yield
    resource.prlimit(process.pid, resource.RLIMIT_FSIZE, (hard, hard))


def fill_up(load: Load) -> None:
    """Wait until nothing is answered but 503, for a second."""
    end = time.monotonic() + 90
    while not (load.statuses[503] and time.monotonic() - load.last_good > 1):
        assert time.monotonic() < end, load.statuses
        time.sleep(0.05)


@pytest.mark.parametrize("way", ways())
def test_a_full_disk(tmp_path, way):
    """Without room the server answers 503, it serves again with room, and the log has all that was acknowledged."""
    place = tmp_path / "disk"
    place.mkdir()
    caller = Caller(write(tmp_path, 'url = "sqlite:disk/undersign.db"\n'))
    load = Load([caller])
    with ExitStack() as opened:
        if way == "file system":
            assert opened.enter_context(small_disk(place))
        process = opened.enter_context(serving(tmp_path, caller))
        assert caller.sign(caller.token(), b"document")[0] == 200
        with load.going_on():
            with (a_limit if way == "limit" else a_file_system)(place, process):
                fill_up(load)
            load.wait_for(20, within=15)
        load.check_log(tmp_path, caller)
        load.check_used(caller)
        assert process.poll() is None

    assert set(load.statuses) == {200, 503}
