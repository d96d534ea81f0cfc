"""`undersign demo --once`, as a person runs it: every step, every refusal, and nobody left behind."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from undersign.cli.story import log

DEMO = [sys.executable, "-m", "undersign.cli.main", "demo"]


def environment(home: Path) -> dict[str, str]:
    return {**os.environ, "HOME": str(home), "PYTHONUNBUFFERED": "1"}


def children_of(folder: Path) -> list[str]:
    """The command lines of running processes that serve from this folder."""
    found = []
    for process in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            words = process.read_bytes().decode("utf-8", "replace")
        except OSError:
            continue
        if str(folder) in words:
            found.append(words)
    return found


@pytest.mark.slow
def test_once_exits_with_0_after_a_good_story(tmp_path):
    """With an empty home and a document of the caller's, all comes out as it must, twice in the same folder."""
    document = tmp_path / "my contract \x1b[31m.txt"
    document.write_text("Between Ana and Ben.")
    for _ in range(2):
        told = subprocess.run(
            [*DEMO, str(document), "--once"],
            cwd=tmp_path,
            env=environment(tmp_path),
            capture_output=True,
            timeout=120,
            check=False,
        )
        text = told.stdout.decode()

        assert told.returncode == 0, text + told.stderr.decode()
        assert "FAIL" not in text
        assert "All came out as it must" in text
        assert "\x1b" not in text
        assert "eyJ" not in text
        for name in ("no token", "wrong scope", "another audience", "replayed assertion", "tampered document"):
            assert text.count(f"  ok  {name}") == 2
    assert children_of(tmp_path) == []
    assert (tmp_path / "var" / "demo" / "person" / f"{document.name}.jws").exists()


@pytest.mark.slow
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGKILL])
def test_nobody_is_left_behind(tmp_path, number):
    """However the demonstration ends, its three processes end with it."""
    with (tmp_path / "out").open("wb") as out:
        process = subprocess.Popen(DEMO, cwd=tmp_path, env=environment(tmp_path), stdout=out, stderr=out)
    try:
        for _ in range(900):
            assert process.poll() is None, (tmp_path / "out").read_text()
            if "Serving; Ctrl-C" in (tmp_path / "out").read_text():
                break
            time.sleep(0.1)
        assert len(children_of(tmp_path)) == 3
        process.send_signal(number)
        assert process.wait(30) == (-9 if number == signal.SIGKILL else 0)
        for _ in range(200):
            if not children_of(tmp_path):
                break
            time.sleep(0.1)
        assert children_of(tmp_path) == []
    finally:
        process.kill()
        process.wait()


@pytest.mark.slow
def test_a_file_that_is_not_there(tmp_path):
    """A document that cannot be read is said in one line, before anything is started."""
    told = subprocess.run(
        [*DEMO, "nothing.pdf"], cwd=tmp_path, env=environment(tmp_path), capture_output=True, timeout=60, check=False
    )

    assert told.returncode == 1
    assert told.stderr.decode().startswith("undersign: [invalid_settings] 'nothing.pdf' cannot be read")
    assert not (tmp_path / "var").exists()


@pytest.mark.parametrize("known", [True, False])
def test_the_story_says_where_the_command_is(tmp_path, monkeypatch, known):
    """Whoever has undersign in a folder that is not on the path is told which, before the command to paste."""
    (tmp_path / "undersign").touch(mode=0o755)
    monkeypatch.setattr(sys, "executable", str(tmp_path / "python"))
    monkeypatch.setenv("PATH", str(tmp_path) if known else "/nowhere")

    assert (str(tmp_path / "undersign") in log._where_undersign_is()) is not known
