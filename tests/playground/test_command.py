"""`undersign playground`: where it listens, and what it refuses."""

from __future__ import annotations

import socket

import pytest

from tests.playground.running import ask, playing
from undersign.cli.main import main

EVERYWHERE = "0.0.0.0"  # noqa: S104 - it must be refused


@pytest.mark.parametrize("host", [EVERYWHERE, "::", "192.0.2.1", "play.example"])
def test_other_machines_are_not_served_unless_told(capsys, host):
    """An address that others can reach is refused with the reason and with what would help."""
    assert main(["playground", "--host", host]) == 1
    said = capsys.readouterr().err
    assert "shows its secrets to whoever asks" in said
    assert "--url https://" in said


def test_plain_http_to_others_is_refused(capsys):
    """Naming an address does not help where it is plain http."""
    assert main(["playground", "--host", EVERYWHERE, "--port", "0", "--url", "http://play.example"]) == 1
    assert "plain http" in capsys.readouterr().err


def test_a_port_that_is_taken_is_said(capsys):
    """A port that another program holds is an error with what would help, not a traceback."""
    with socket.create_server(("127.0.0.1", 0)) as held:
        port = held.getsockname()[1]
        assert main(["playground", "--port", str(port)]) == 1
    assert f"Port {port}" in capsys.readouterr().err


@pytest.mark.slow
def test_it_serves_both_loopbacks_and_logs_no_token(tmp_path):
    """A process serves every loopback name and no other, takes a long token in the address, and logs none of it."""
    with playing(tmp_path) as port:
        assert ask(port)[1].startswith(b"Available commands")
        assert ask(port, Host=f"127.0.0.1:{port}")[0] == 200
        assert ask(port, Host="evil.example")[0] == 421
        assert ask(port, f"/parser?jwt={'A' * 60_000}")[0] == 400
    log = (tmp_path / "playground.log").read_text()
    assert f"http://localhost:{port}" in log
    assert "AAAA" not in log
