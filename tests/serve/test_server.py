"""What is built, and what is bound."""

import signal
import socket

import pytest

from tests.serve.serving import serving
from undersign.errors import SettingsError
from undersign.serve.server import bind, run


class Early:
    """A server to which the signal comes before it listens for any."""

    should_exit = False

    def run(self, sockets):  # noqa: ARG002 - uvicorn's argument
        signal.raise_signal(signal.SIGTERM)


def test_a_signal_before_the_server_listens_counts():
    """It neither kills the process nor gets lost, and whose handler was there is there again."""
    server, before = Early(), signal.getsignal(signal.SIGTERM)
    run(server, [])

    assert server.should_exit
    assert signal.getsignal(signal.SIGTERM) is before


def test_an_application_that_does_not_start_is_an_error():
    """uvicorn's exit becomes a reason that a command can print."""

    class Refusing(Early):
        def run(self, sockets):  # noqa: ARG002 - uvicorn's argument
            raise SystemExit(3)

    with pytest.raises(SettingsError):
        run(Refusing(), [])


def test_the_end_is_said_once():
    """Who asked to hear of beginning and end hears of each once, so that a log can be flushed."""
    heard = []
    with serving(ready=lambda: heard.append("ready"), ended=lambda: heard.append("ended")):
        pass

    assert heard == ["ready", "ended"]


def test_a_port_that_is_taken_is_an_error():
    """Nobody shares a port with another server without knowing."""
    with socket.create_server(("127.0.0.1", 0)) as held, pytest.raises(SettingsError, match="cannot be bound"):
        bind("127.0.0.1", held.getsockname()[1])
