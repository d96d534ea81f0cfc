"""init, check, audit and the command line around them: what they print, and their exit codes."""

import json
import re
import stat
import subprocess
import sys
from contextlib import closing
from importlib import import_module
from types import SimpleNamespace

import pytest

from tests.web.desk import TOML, open_desk
from undersign.cli import init, serve
from undersign.cli.main import COMMANDS, main
from undersign.jwks import KeySet
from undersign.serve.server import bind


def test_init_writes_a_file_that_check_accepts(tmp_path, capsys):
    """The commented file is in order as it is written, and the master key is its owner's only."""
    file = tmp_path / "undersign.toml"

    assert main(["init", str(file)]) == 0
    assert main(["check", str(file)]) == 0
    assert stat.S_IMODE((tmp_path / "var" / "master.key").stat().st_mode) == 0o600
    assert "in order" in capsys.readouterr().out


def test_init_never_replaces_a_key(tmp_path):
    """A file that is there is kept unless forced, and a master key is kept whatever is said."""
    file, key = tmp_path / "undersign.toml", tmp_path / "var" / "master.key"
    main(["init", str(file)])
    before = key.read_bytes()

    assert main(["init", str(file)]) == 1
    assert main(["init", str(file), "--force"]) == 0
    assert key.read_bytes() == before


def test_check_names_each_problem(tmp_path, capsys):
    """Each problem is named with its place, as text and as JSON, and the exit code is 1."""
    file = tmp_path / "undersign.toml"
    file.write_text(init.TEMPLATE.format(name="x").replace('allow = ["may-sign"]', 'allow = ["nobody"]'))

    assert main(["check", str(file)]) == 1
    assert "workers.contracts.allow" in capsys.readouterr().out
    assert main(["check", str(file), "--json"]) == 1
    assert json.loads(capsys.readouterr().out)["problems"][0]["where"] == "workers.contracts.allow"


def test_serve_refuses_what_check_refuses(tmp_path, capsys):
    """An unsafe file is not served, and plain http does not leave this machine."""
    file = tmp_path / "undersign.toml"
    main(["init", str(file)])

    assert main(["serve", str(file), "--host", "0.0.0.0"]) == 1  # noqa: S104 - it must be refused
    assert "not safe to serve" in capsys.readouterr().err


@pytest.fixture
def log(tmp_path, capsys):
    """An exported log with one signature in it, its root, head, receipt and receipt keys as files."""
    file = tmp_path / "undersign.toml"
    file.write_text(TOML)
    with open_desk(tmp_path) as desk:
        (tmp_path / "receipt.jws").write_text(desk.sign(token=desk.token()).json()["receipt"])
        auditor = {"Authorization": f"Bearer {desk.token('audit')}"}
        (tmp_path / "head.jws").write_bytes(desk.client.get("/v1/audit/head", headers=auditor).content)
        (tmp_path / "keys.json").write_bytes(desk.client.get("/v1/receipts/jwks.json").content)
    assert main(["audit", "export", str(file)]) == 0
    (tmp_path / "log.ndjson").write_text(capsys.readouterr().out)
    assert main(["audit", "root", str(file)]) == 0
    return tmp_path, capsys.readouterr().out.strip()


def test_audit_verify_with_a_witness(log, capsys):
    """A log with its root, a head and a receipt verifies, and says what it cannot exclude."""
    folder, root = log
    words = ["audit", "verify", str(folder / "log.ndjson"), "--root", root, "--head", str(folder / "head.jws")]
    words += ["--receipt", str(folder / "receipt.jws"), "--receipt-keys", str(folder / "keys.json")]

    assert main(words) == 0
    assert "cannot exclude" in capsys.readouterr().out
    assert len(KeySet.load((folder / "keys.json").read_bytes())) == 1


def test_audit_verify_without_a_witness_is_3(log, capsys):
    """A log that nothing from elsewhere witnesses holds together, with an exit code of its own."""
    folder, root = log

    assert main(["audit", "verify", str(folder / "log.ndjson"), "--root", root, "--json"]) == 3
    assert json.loads(capsys.readouterr().out)["witnessed"] == 0


@pytest.mark.parametrize(
    "spoil",
    [
        lambda text: text.replace("sign", "sing", 1),
        lambda text: text.split("\n", 1)[1],
        lambda text: text[: len(text) // 2],
    ],
    ids=["a word", "the first line", "half"],
)
def test_audit_verify_of_a_changed_log_is_1(log, capsys, spoil):
    """A log that was changed, beheaded or cut does not verify."""
    folder, root = log
    path = folder / "log.ndjson"
    path.write_text(spoil(path.read_text()))

    assert main(["audit", "verify", str(path), "--root", root, "--head", str(folder / "head.jws")]) == 1
    assert "undersign: [" in capsys.readouterr().err


def test_audit_verify_with_another_root_is_1(log):
    """A log of another root is another log."""
    folder, _ = log

    assert main(["audit", "verify", str(folder / "log.ndjson"), "--root", "A" * 43]) == 1


@pytest.mark.parametrize("option", ["", "--head", "--receipt", "--receipt-keys", "--checkpoint"])
def test_audit_verify_of_a_file_that_is_not_there(log, capsys, option):
    """A file that is not there is not called evidence, whichever it is."""
    folder, root = log
    words = ["audit", "verify", str(folder / ("log.ndjson" if option else "nothing")), "--root", root]
    words += [option, str(folder / "nothing")] if option else []

    assert main(words) == 1
    told = capsys.readouterr().err
    assert told.startswith("undersign: [fetch_failed]")
    assert "No such file" in told


def test_errors_as_json(tmp_path, capsys):
    """With --json an error is one JSON object on standard error."""
    assert main(["check", str(tmp_path / "nothing.toml"), "--json"]) == 1
    assert json.loads(capsys.readouterr().err)["error"] == "invalid_settings"


def test_help_lists_the_commands_and_loads_no_server():
    """The list of commands comes without importing any of them."""
    program = "import sys; from undersign.cli.main import main; main(['--help'])"
    watch = "; print([n for n in sys.modules if n.partition('.')[0] in {'starlette', 'sqlalchemy', 'cryptography'}])"
    program = program.replace("main(['--help'])", "\ntry: main(['--help'])\nexcept SystemExit: pass\n") + watch[2:]
    told = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)

    assert told.stdout.strip().endswith("[]")
    assert all(f"  {command.name} " in told.stdout for command in COMMANDS)


def test_no_command_is_a_wrong_command_line(capsys):
    """Without a command the help is shown, and the exit code says that nothing was done."""
    assert main([]) == 2
    with pytest.raises(SystemExit) as caught:
        main(["nonsense"])
    assert caught.value.code == 2
    assert "usage" in capsys.readouterr().out


@pytest.mark.parametrize("command", COMMANDS, ids=lambda command: command.name)
def test_each_command_has_its_module(command):
    """What the list names is there, and has all that a command needs."""
    module = import_module(f"undersign.cli.{command.name}")

    assert callable(module.configure)
    assert callable(module.run)


def interrupt(*_):
    """Stand for Ctrl-C."""
    raise KeyboardInterrupt


@pytest.mark.parametrize("where", ["undersign.cli.main.import_module", "undersign.cli.check.run"])
def test_an_interrupt_is_silent(monkeypatch, capsys, where):
    """Ctrl-C ends a command with 130 and not a word, while it is imported and while it runs."""
    monkeypatch.setattr(where, interrupt)

    assert main(["check", "undersign.toml"]) == 130
    assert capsys.readouterr() == ("", "")


@pytest.mark.parametrize("words", [["serve"], ["audit", "root"], ["storage", "migrate"]], ids=" ".join)
def test_a_missing_driver_is_4(tmp_path, monkeypatch, capsys, words):
    """A database whose driver is not installed ends each command with 4, and says what to install."""
    file = tmp_path / "undersign.toml"
    main(["init", str(file)])
    text = file.read_text()
    assert 'url = "sqlite:' in text
    file.write_text(re.sub(r'(?m)^url = "sqlite:[^"]*"', 'url = "postgresql://me@localhost/nothing"', text))
    monkeypatch.setitem(sys.modules, "psycopg", None)
    monkeypatch.delitem(sys.modules, "undersign.storage.engines.postgresql", raising=False)

    assert main([*words, str(file)]) == 4
    assert "[not_installed] The storage address needs the package psycopg. Run: pip install 'undersign[postgres]'" in (
        capsys.readouterr().err
    )


def test_serve_says_where_it_listens(capsys):
    """The line of a start names the server's address and, where --port says another, the one that is bound."""
    settings = SimpleNamespace(server=SimpleNamespace(roles=["signing"]))
    house = SimpleNamespace(url="https://sign.example", root="abc", settings=settings)
    with closing(bind("127.0.0.1", 0)[0]) as bound:
        serve._announce(*serve._facts(house, [bound]))
        port = bound.getsockname()[1]

    told = f"undersign: serving https://sign.example (signing), listening on 127.0.0.1:{port}; audit root abc\n"
    assert capsys.readouterr().out == told


def test_a_port_beyond_all_ports_is_an_error(tmp_path, capsys):
    """A number that is no port is refused in a sentence."""
    main(["init", str(tmp_path / "undersign.toml")])

    assert main(["serve", str(tmp_path / "undersign.toml"), "--port", "80000"]) == 1
    assert "a port is a number from 0 to 65535" in capsys.readouterr().err


def test_audit_close_keeps_no_negative_number_of_lines(tmp_path, capsys):
    """What would close every line, for ever, is refused before anything is opened."""
    words = ["--to", str(tmp_path / "segment"), "--checkpoint", str(tmp_path / "checkpoint"), "--keep=-1"]

    assert main(["audit", "close", str(tmp_path / "undersign.toml"), *words]) == 1
    assert "[invalid_policy] --keep" in capsys.readouterr().err
