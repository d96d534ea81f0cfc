"""The database ends under load, hard or in good order: errors for seconds, then service, and nothing lost or twice."""

import time
from contextlib import ExitStack

import pytest

from tests.e2e.conftest import SQLITE
from tests.e2e.load import GONE, Load
from tests.e2e.running import Caller, kill, serving, write

pytestmark = pytest.mark.slow

SOME = 40  # signatures before and after
SECONDS = 15  # the most that a server may need to be of service again


@pytest.mark.parametrize("workers", ["1", "2"])
def test_sqlite_and_its_server_killed(tmp_path, workers):
    """With kill -9 of every process, twice: the next start serves, and what was acknowledged is there and used up."""
    caller = Caller(write(tmp_path, SQLITE))
    load = Load([caller])
    with ExitStack() as opened:
        process = opened.enter_context(serving(tmp_path, caller, "--workers", workers))
        with load.going_on():
            for _ in range(2):
                load.wait_for(SOME)
                kill(process)
                process = opened.enter_context(serving(tmp_path, caller, "--workers", workers))
            load.wait_for(SOME, within=SECONDS)
        load.check_log(tmp_path, caller)
        load.check_used(caller)

    assert set(load.statuses) == {200, GONE}


@pytest.mark.parametrize("how", ["kill", "immediate", "fast"])
@pytest.mark.parametrize("workers", ["1", "2"])
def test_postgresql_ends_and_comes_back(tmp_path, postgres, postgres_storage, how, workers):
    """The server stays, answers 503 while its database is away, and serves again by itself within seconds."""
    caller = Caller(write(tmp_path, postgres_storage))
    load = Load([caller])
    with serving(tmp_path, caller, "--workers", workers) as process:
        with load.going_on():
            load.wait_for(SOME)
            postgres.stop(how)
            time.sleep(1)
            before = load.statuses[503]
            postgres.start()
            load.wait_for(SOME, within=SECONDS)
        assert process.poll() is None
        load.check_log(tmp_path, caller)
        load.check_used(caller)

    assert before > 0
    assert set(load.statuses) == {200, 503}


def test_postgresql_restarted_under_load(tmp_path, postgres, postgres_storage):
    """Restarted fast three times under load: 200 or 503, service each time, one chain."""
    caller = Caller(write(tmp_path, postgres_storage))
    load = Load([caller])
    with serving(tmp_path, caller):
        with load.going_on():
            for _ in range(3):
                load.wait_for(SOME, within=SECONDS)
                postgres.restart()
            load.wait_for(SOME, within=SECONDS)
        load.check_log(tmp_path, caller)
        load.check_used(caller)

    assert set(load.statuses) <= {200, 503}
