"""docs/tutorial/playground.md: its commands run and its answers come back, in the order it is read."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.playground.running import playing

PAGE = Path(__file__).parents[2] / "docs" / "tutorial" / "playground.md"
BLOCK = re.compile(r"^```(sh|json)\n(.*?)^```$", re.MULTILINE | re.DOTALL)


@pytest.mark.slow
def test_the_tutorial_is_true(tmp_path):
    """Each command of the page, typed as it stands, gives the answer that the page prints below it."""
    (tmp_path / "config.json").write_text(json.dumps({"default_options": ["--ignore-stdin", "--body"]}))
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    if shutil.which("http", path=path) is None:
        pytest.skip("httpie is not installed")
    environment = {"PATH": path, "HOME": str(tmp_path), "HTTPIE_CONFIG_DIR": str(tmp_path), "NO_PROXY": "*"}
    compared, said = 0, ""
    with playing(tmp_path) as port:
        for kind, text in BLOCK.findall(PAGE.read_text()):
            if kind == "sh":
                words = ["sh", "-c", text.replace(":8080", f":{port}")]
                said = subprocess.run(words, env=environment, capture_output=True, text=True, check=False).stdout
            else:
                assert json.loads(said) == json.loads(text)
                compared += 1
    assert compared == 4
