"""undersign storage and undersign audit close: what they take, print and refuse, and their exit codes."""

import json
import os
import sqlite3
import time

import pytest

from tests.storage.writing import set_head
from tests.web.desk import TOML, open_desk
from undersign import jws
from undersign.audit.chain import CHECKPOINT_TYP
from undersign.cli.main import main
from undersign.encoding import b64url_decode
from undersign.errors import ClockBehindError
from undersign.jwk import load_public
from undersign.storage.database import Database
from undersign.storage.envelope import Envelope, master_key
from undersign.storage.ledger.lines import read_head


@pytest.fixture
def served(tmp_path):
    """A folder whose configuration was served, and has signed something."""
    (tmp_path / "undersign.toml").write_text(TOML)
    with open_desk(tmp_path) as desk:
        assert desk.sign(token=desk.token()).status_code == 200
    return tmp_path


@pytest.fixture
def told(capsys):
    """Run a command, and give its code and what it printed."""

    def run(*words):
        code = main([str(word) for word in words])
        found = capsys.readouterr()
        return code, found.out, found.err

    return run


def elsewhere(folder, name="there"):
    """A second configuration, with the same master key and a database of its own."""
    text = TOML.replace("[issuers.here]", f'[storage]\nurl = "sqlite:{name}.db"\n[issuers.here]')
    (folder / f"{name}.toml").write_text(text)
    return folder / f"{name}.toml"


# -- copy --


def test_copy_between_configurations(served, told):
    """A copy says what it copied, and is served from the other file with the chain going on."""
    target = elsewhere(served)
    code, out, _ = told("storage", "copy", served / "undersign.toml", target)

    assert code == 0
    for words in ("copied: ", "audit_lines: ", "verified; root ", "Serve the copy only"):
        assert words in out
    with open_desk(served, target.read_text()) as desk:
        assert desk.sign(token=desk.token()).status_code == 200
        assert [line["event"] for line in desk.lines()].count("chain_opened") == 1


def test_copy_between_addresses(served, told, tmp_path):
    """By address the master key is named apart, and the database comes out the same."""
    words = ("storage", "copy", f"sqlite:{served}/var/undersign.db", f"sqlite:{tmp_path}/two.db")

    code, _, err = told(*words)
    assert (code, "--master-key" in err) == (1, True)
    assert told(*words, "--master-key", f"file:{served}/var/master.key")[0] == 0
    assert told(*words, "--master-key", f"file:{served}/var/master.key")[0] == 1  # it is taken now


def test_a_master_key_in_the_environment_is_read_once_for_both(served, told, monkeypatch):
    """Two files that name one variable name one key."""
    monkeypatch.setenv("UNDERSIGN_TEST_MASTER", (served / "var" / "master.key").read_text().strip())
    both = [elsewhere(served, "one"), elsewhere(served, "two")]
    for file in both:
        file.write_text(file.read_text().replace("[storage]", '[storage]\nmaster_key = "env:UNDERSIGN_TEST_MASTER"'))
    assert told("storage", "copy", served / "undersign.toml", both[0])[0] == 0
    monkeypatch.setenv("UNDERSIGN_TEST_MASTER", (served / "var" / "master.key").read_text().strip())

    assert told("storage", "copy", *both)[0] == 0
    assert "UNDERSIGN_TEST_MASTER" not in os.environ


@pytest.mark.parametrize("source", ["sqlite:nothing.db", "mysql://u@h/d", "nothing.toml"])
def test_copy_of_nothing_is_refused_and_makes_nothing(served, told, source, monkeypatch):
    """A source that is not there is not made, nor is the target."""
    monkeypatch.chdir(served)
    before = sorted(path.name for path in served.iterdir())

    assert told("storage", "copy", source, "sqlite:to.db", "--master-key", "file:var/master.key")[0] == 1
    assert sorted(path.name for path in served.iterdir()) == before


def test_copy_with_another_master_key_is_refused(served, told, tmp_path):
    """The rows that decide trust would not be believed at the other side."""
    other = tmp_path / "other.key"
    other.touch(mode=0o600)
    other.write_text("A" * 43)
    words = ("storage", "copy", f"sqlite:{served}/var/undersign.db", f"sqlite:{tmp_path}/to.db")

    code, _, err = told(*words, "--master-key", f"file:{other}")
    assert (code, "[storage_unavailable]" in err) == (1, True)
    assert "A" * 43 not in err
    with sqlite3.connect(tmp_path / "to.db") as looking:
        assert looking.execute("SELECT count(*) FROM chain").fetchone() == (0,)
    looking.close()


@pytest.mark.slow
def test_to_postgresql_and_back(served, told, postgres_database, tmp_path):
    """With passwords named apart, a database goes over to PostgreSQL, comes back, and is served there."""
    (tmp_path / "pg.password").touch(mode=0o600)
    (tmp_path / "pg.password").write_text(postgres_database.password)
    password, key = f"file:{tmp_path}/pg.password", f"file:{served}/var/master.key"
    over = ("storage", "copy", served / "undersign.toml", postgres_database.url, "--password-to", password)
    back = ("storage", "copy", postgres_database.url, f"sqlite:{tmp_path}/back.db", "--password-from", password)

    assert told(*over)[0] == 0
    code, out, err = told(*over)
    assert (code, "has a chain" in err, out) == (1, True, "")
    assert told(*back, "--master-key", key)[0] == 0
    file = tmp_path / "pg.toml"
    file.write_text(TOML.replace("[issuers.here]", f"[storage]\n{postgres_database.storage(tmp_path)}[issuers.here]"))
    with open_desk(served, file.read_text()) as desk:
        assert desk.sign(token=desk.token()).status_code == 200


@pytest.mark.slow
def test_a_role_without_rights_over_the_schema_takes_a_copy(served, told, postgres, postgres_database):
    """One role makes the schema, by `migrate`; another, which may not, takes the copy, closes segments and serves."""
    limited = postgres.limit(postgres_database)
    files = {}
    for name, address in (("owner", postgres_database), ("server", limited)):
        text = f"[storage]\nmigrate = {str(name == 'owner').lower()}\n{address.storage(served)}[issuers.here]"
        files[name] = served / f"{name}.toml"
        files[name].write_text(TOML.replace("[issuers.here]", text))
    copy = ("storage", "copy", served / "undersign.toml", files["server"])

    code, _, err = told(*copy)
    assert (code, err.startswith("undersign: [")) == (1, True)
    assert told("storage", "migrate", files["server"])[0] == 1
    assert told("storage", "migrate", files["owner"])[0] == 0
    assert told(*copy)[0] == 0
    assert (
        told("audit", "close", files["server"], "--to", served / "a", "--checkpoint", served / "b", "--keep", 0)[0] == 0
    )
    with open_desk(served, files["server"].read_text()) as desk:
        assert desk.sign(token=desk.token()).status_code == 200


# -- migrate, clock --


def test_migrate_makes_the_schema(served, told):
    """An empty place has the schema afterwards, and nothing in it that a server would take for a database."""
    file = elsewhere(served)

    assert told("audit", "export", file)[0] == 1
    code, out, _ = told("storage", "migrate", file)
    assert (code, "this release's" in out) == (0, True)
    code, _, err = told("audit", "export", file)
    assert (code, "no audit chain" in err) == (1, True)


def ahead(folder, seconds):
    """Let the database have seen a later time, as a clock that jumped ahead leaves it."""
    database = Database.open(f"sqlite:{folder}/var/undersign.db")
    envelope = Envelope(master_key(f"file:{folder}/var/master.key"), read_head(database).chain)
    set_head(database, envelope, time=int(time.time()) + seconds)
    database.dispose()


def test_a_clock_that_is_not_behind_takes_nothing_back(served, told):
    """With the flag or without, a time that is not ahead stays."""
    for flag in ((), ("--take-back",)):
        code, out, _ = told("storage", "clock", served / "undersign.toml", *flag)
        assert (code, "nothing to take back" in out) == (0, True)


def test_a_time_is_taken_back_only_when_told_to(served, told):
    """Without the flag it says how far, and what it would cost; with it, does it, and the log holds."""
    ahead(served, 90_000)
    file = served / "undersign.toml"

    code, out, _ = told("storage", "clock", file)
    assert (code, "seconds ahead" in out, "must be got anew" in out) == (0, True, True)
    assert "clock_taken_back" not in told("audit", "export", file)[1]
    code, out, _ = told("storage", "clock", file, "--take-back")
    assert (code, "recorded in the log" in out) == (0, True)
    lines = told("audit", "export", file)[1]
    (served / "log").write_text(lines)
    last = json.loads(lines.splitlines()[-1])
    assert last["event"] == "clock_taken_back"
    assert last["detail"]["before"] - last["detail"]["after"] > 80_000
    root = told("audit", "root", file)[1].strip()
    assert told("audit", "verify", served / "log", "--root", root)[0] == 3


def test_a_server_says_that_its_clock_is_behind(served, told):
    """/readyz names the clock and why, no head is signed meanwhile, and after the command all is well."""
    ahead(served, 90_000)
    with open_desk(served) as desk:
        found = desk.client.get("/readyz")
        assert (found.status_code, found.json()["checks"]["clock"]) == (503, "clock_behind")
        with pytest.raises(ClockBehindError, match="behind"):
            desk.house.heads.sign()
    assert told("storage", "clock", served / "undersign.toml", "--take-back")[0] == 0
    with open_desk(served) as desk:
        assert desk.client.get("/readyz").json()["checks"]["clock"] == "ok"
        desk.house.heads.sign()


def test_what_was_issued_before_a_time_was_taken_back_is_refused(served, told, monkeypatch):
    """An assertion from before does not count any more, and one that is got anew does."""
    monkeypatch.setattr("undersign.storage.ledger.opening.LEEWAY", 0)  # nobody's clock is ahead, and the test is short
    with open_desk(served) as desk:
        old = desk.minter.mint()
    ahead(served, 90_000)
    told("storage", "clock", served / "undersign.toml", "--take-back")
    with open_desk(served) as desk:
        assert desk.ask(old).status_code in {400, 401}
        time.sleep(2.1)
        assert desk.ask().status_code == 200


# -- audit close --


def close(folder, name, *more):
    return (
        "audit", "close", folder / "undersign.toml", "--to", folder / f"{name}.jsonl",
        "--checkpoint", folder / f"{name}.jws", *more,
    )  # fmt: skip


def test_close_and_verify(served, told):
    """What was closed verifies with what follows, and what follows by itself behind the checkpoint."""
    code, out, _ = told(*close(served, "one", "--keep", 0))
    assert (code, "no longer in the database" in out) == (0, True)
    file, rest = served / "undersign.toml", served / "rest"
    root = told("audit", "root", file)[1].strip()
    rest.write_text(told("audit", "export", file)[1])

    assert told("audit", "verify", served / "one.jsonl", rest, "--root", root)[0] == 3
    code, out, _ = told("audit", "verify", rest, "--root", root, "--checkpoint", served / "one.jws")
    assert (code, "complete from line" in out, "before that: the checkpoint" in out) == (3, True, True)
    words = ("audit", "verify", rest, "--root", root, "--checkpoint", served / "one.jws", "--json")
    made = json.loads(told(*words)[1])
    assert (made["first"], made["lines"]) == (made["first"], made["first"] + 1)
    assert told("audit", "verify", rest, "--root", root)[0] == 1
    code, _, err = told("audit", "export", file, "--after", 2)
    assert (code, "[lines_closed]" in err) == (1, True)


def test_the_checkpoint_is_a_jws_of_its_own_type(served, told):
    """Anybody can see what it is, and verify it by the certificate inside it."""
    told(*close(served, "one", "--through", 3))
    token = (served / "one.jws").read_text().strip()
    part = token.split(".")[1]
    claims = json.loads(b64url_decode(part))

    assert set(claims) == {"chain", "seq", "hash", "time", "line_time", "root", "certificate"}
    epoch = json.loads(jws.verify(claims["certificate"], load_public(json.dumps(claims["root"]))).payload)
    assert jws.verify(token, load_public(json.dumps(epoch["jwk"]))).protected["typ"] == CHECKPOINT_TYP


def test_close_keeps_the_last_lines(served, told):
    """With nothing said a thousand lines stay, so that a short log has nothing to close."""
    code, _, err = told(*close(served, "one"))
    assert (code, "nothing to close" in err) == (1, True)
    assert told(*close(served, "one", "--keep", 2))[0] == 0
    lines = told("audit", "export", served / "undersign.toml")[1].splitlines()
    assert [json.loads(line)["event"] for line in lines][-2:] == ["epoch_opened", "segment_closed"]
    assert len(lines) == 4


def test_close_beside_a_running_server(served, told):
    """A server that runs goes on, and answers 410 to an auditor who asks for lines that were closed."""
    with open_desk(served) as desk:
        auditor = {"Authorization": f"Bearer {desk.token('audit')}"}
        assert desk.client.get("/v1/audit", headers=auditor).status_code == 200
        assert told(*close(served, "one", "--through", 5))[0] == 0
        gone = desk.client.get("/v1/audit?after=4", headers=auditor)
        there = desk.client.get("/v1/audit?after=5", headers=auditor)
        described = desk.client.get("/openapi.json").json()["paths"]["/v1/audit"]["get"]["responses"]

        assert (gone.status_code, gone.json()["type"]) == (410, "urn:undersign:problem:lines-closed")
        assert "up to 5" in gone.json()["detail"]
        assert there.status_code == 200
        assert json.loads(there.text.splitlines()[0])["seq"] == 6
        assert "410" in described
        assert desk.sign(token=desk.token()).status_code == 200


def test_closing_is_no_start_of_a_machine_that_never_served(served, told):
    """From a machine without the mark nothing is doubted, so what the servers have issued goes on working."""
    (served / "var" / "master.key.mark").unlink()
    with sqlite3.connect(served / "var" / "undersign.db") as connection:
        before = connection.execute("SELECT unsure_from, unsure_to FROM chain").fetchone()
        assert told(*close(served, "one", "--keep", 0))[0] == 0
        assert connection.execute("SELECT unsure_from, unsure_to FROM chain").fetchone() == before
    connection.close()
    assert not (served / "var" / "master.key.mark").exists()


def test_close_needs_a_chain(served, told):
    """A database that was never served has nothing to close, and none is made."""
    file = elsewhere(served)
    told("storage", "migrate", file)
    code, _, err = told("audit", "close", file, "--to", served / "a", "--checkpoint", served / "b", "--keep", 0)

    assert (code, "no audit chain" in err) == (1, True)


def test_another_database_than_the_marked_one_is_not_closed(served, told):
    """Where another database of the same master key is in the marked one's place, a command leaves it alone too."""
    mark = served / "var" / "master.key.mark"
    noted = mark.read_bytes()
    for path in (served / "var").glob("undersign.db*"):
        path.unlink()
    with open_desk(served):
        pass
    mark.write_bytes(noted)
    file = served / "undersign.toml"
    file.write_text(TOML.replace("demo = true\n", ""))
    before = told("audit", "export", file)[1]

    code, _, err = told(*close(served, "one", "--keep", 0))
    assert (code, "mark is of another" in err, mark.name in err) == (1, True, True)
    assert not (served / "one.jsonl").exists()
    assert told("audit", "export", file)[1] == before
