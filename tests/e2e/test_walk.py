"""The main job while it is being served: four parties, two databases, and a person who brings another document."""

import json
import re
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from http.client import HTTPConnection
from pathlib import Path

import pytest

from undersign import jws
from undersign.jwks import KeySet

pytestmark = pytest.mark.slow


@dataclass(frozen=True, slots=True)
class Story:
    """A demonstration that keeps serving."""

    folder: Path
    text: str

    def port(self, party: str) -> int:
        return int(re.search(rf"{party} +http://localhost:(\d+)/", self.text)[1])

    def send(self, party: str, method: str, path: str, body: bytes = b"") -> tuple[int, bytes]:
        connection = HTTPConnection("localhost", self.port(party), timeout=20)
        try:
            connection.request(method, path, body or None, {"Content-Type": "text/plain"})
            answer = connection.getresponse()
            return answer.status, answer.read()
        finally:
            connection.close()


@pytest.fixture(scope="module")
def story(tmp_path_factory) -> Iterator[Story]:
    """`undersign demo`, told to the end and serving."""
    folder = tmp_path_factory.mktemp("story")
    with (folder / "out").open("wb") as out:
        process = subprocess.Popen(
            [sys.executable, "-m", "undersign.cli.main", "demo"], cwd=folder, stdout=out, stderr=out
        )
    try:
        for _ in range(900):
            text = (folder / "out").read_text()
            if "Serving; Ctrl-C" in text or process.poll() is not None:
                break
            time.sleep(0.1)
        yield Story(folder / "var" / "demo", text)
    finally:
        process.terminate()
        process.wait(30)


def test_the_whole_story_comes_out_as_it_must(story):
    """Every step and every refusal came out as it must, and the steps are those of the main job, in order."""
    steps = [int(step) for step in re.findall(r"^ +(\d+)  ", story.text, re.MULTILINE)]

    assert "All came out as it must" in story.text
    assert "FAIL" not in story.text
    assert steps == [1, *[2, 3, 7, 9, 10, 10, 11] * 2]


def test_the_servers_are_two_processes_with_two_databases(story):
    """The authorization server and the signing server share neither a process nor a database, a key nor a chain."""
    databases = [story.folder / name / "undersign.db" for name in ("authorization", "signing")]
    roots = [
        subprocess.run(_root(story, name), capture_output=True, check=True).stdout
        for name in ("authorization", "signing")
    ]

    assert all(path.exists() for path in databases)
    assert story.port("authorization server") != story.port("signing server")
    assert roots[0] != roots[1]


def test_a_document_posted_to_the_backend_comes_back_signed(story):
    """Another person's document is signed too, and verifies with the worker's published keys."""
    status, body = story.send("backend", "POST", "/documents", b"Between Ana and Ben.")
    keys = KeySet.load(story.send("signing server", "GET", "/v1/workers/contracts/jwks.json")[1])
    verified = jws.verify(json.loads(body)["result"], keys)

    assert status == 200
    assert verified.payload == b"Between Ana and Ben."
    assert verified.header["signed-for"] == "signing-backend"


@pytest.mark.parametrize("party", ["backend", "authorization server", "signing server"])
def test_each_party_says_what_is_here(story, party):
    """Each address that the story ends with answers with a page."""
    status, page = story.send(party, "GET", "/")

    assert status == 200
    assert b"<!doctype html>" in page


def test_the_commands_that_the_story_shows_can_be_pasted(story):
    """What stands behind the dollar signs, typed into a shell, verifies the log once more, without any server."""
    shown = re.search(r"^ +\$ (cd .+)\n +\$ (undersign audit verify (?:.+\\\n)*.+)$", story.text, re.MULTILINE)
    verify = shown[2].replace("undersign", f"{sys.executable} -m undersign.cli.main", 1)
    told = subprocess.run(["sh", "-ec", f"{shown[1]}\n{verify}"], capture_output=True, text=True, check=False)

    assert (told.returncode, told.stderr) == (0, "")
    assert "2 receipts found in it" in told.stdout


def _root(story: Story, name: str) -> list[str]:
    return [sys.executable, "-m", "undersign.cli.main", "audit", "root", str(story.folder / name / "undersign.toml")]
