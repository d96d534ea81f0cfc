"""How a server comes to its PostgreSQL: as a role without rights over the schema, with a password that is elsewhere."""

import subprocess
import sys
import time

import pytest

from tests.e2e.load import verified
from tests.e2e.running import Caller, serving, write

pytestmark = pytest.mark.slow


def test_a_role_that_may_not_change_the_schema_is_enough(tmp_path, postgres, postgres_database):
    """Once the tables are there, the server runs as a role that cannot change them."""
    caller = Caller(write(tmp_path, postgres_database.storage(tmp_path)))
    with serving(tmp_path, caller):
        assert caller.sign(caller.token(), b"document")[0] == 200
    limited = postgres.limit(postgres_database)
    text = (tmp_path / "undersign.toml").read_text().partition("[storage]")[0]
    (tmp_path / "undersign.toml").write_text(f"{text}[storage]\n{limited.storage(tmp_path)}")
    with serving(tmp_path, caller):
        assert caller.sign(caller.token(), b"document")[0] == 200


@pytest.mark.parametrize("workers", ["1", "2"])
def test_the_password_may_be_in_the_environment(tmp_path, monkeypatch, postgres_database, workers):
    """Where the file says env:NAME each process of the server, and the command line, read the password from there."""
    caller = Caller(write(tmp_path, f'url = "{postgres_database.url}"\npassword = "env:UNDERSIGN_TEST_PASSWORD"\n'))
    monkeypatch.setenv("UNDERSIGN_TEST_PASSWORD", postgres_database.password)
    with serving(tmp_path, caller, "--workers", workers):
        assert caller.sign(caller.token(), b"document")[0] == 200
        deadline = time.monotonic() + 30  # the first process serves before the second has started
        auditor = {"Authorization": f"Bearer {caller.token('audit')}"}
        while caller.send("GET", "/v1/audit", **auditor)[1].count(b'"event":"start"') < int(workers):
            assert time.monotonic() < deadline
            time.sleep(0.1)

    assert [record["event"] for record in verified(tmp_path)].count("start") == int(workers)


def test_a_wrong_password_is_said_and_not_shown(tmp_path, postgres_database):
    """With a password that PostgreSQL refuses the server does not start, and says why in a line without it."""
    write(tmp_path, postgres_database.storage(tmp_path))
    (tmp_path / f"{postgres_database.user}.password").write_text("wrong-password")
    words = [sys.executable, "-m", "undersign.cli.main", "serve", tmp_path / "undersign.toml"]
    told = subprocess.run(words, capture_output=True, text=True, check=False, timeout=60)

    assert told.returncode != 0
    assert told.stderr.startswith("undersign: [")
    assert "wrong-password" not in told.stdout + told.stderr
    assert "Traceback" not in told.stderr
