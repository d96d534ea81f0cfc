"""Several processes on one database write one chain."""

from collections import Counter
from contextlib import ExitStack

import pytest

from tests.e2e.conftest import SQLITE
from tests.e2e.load import Load
from tests.e2e.running import Caller, free_port, serving, write

pytestmark = pytest.mark.slow

ENOUGH = 150


def test_four_processes_on_one_sqlite(tmp_path):
    """Four workers of one server answer under load without an error, and their lines are one chain."""
    caller = Caller(write(tmp_path, SQLITE))
    load = Load([caller])
    with serving(tmp_path, caller, "--workers", "4"):
        with load.going_on():
            load.wait_for(ENOUGH, within=60)
        records = load.check_log(tmp_path, caller)
        load.check_used(caller)

    assert set(load.statuses) == {200}
    assert Counter(record["event"] for record in records)["start"] == 4


def test_two_servers_on_one_postgresql(tmp_path, postgres_storage):
    """Two servers started apart, as on two machines, share one PostgreSQL: what one has used, the other refuses."""
    caller = Caller(write(tmp_path, postgres_storage))
    other = Caller(caller.url, free_port())
    load = Load([caller, other])
    with ExitStack() as opened:
        opened.enter_context(serving(tmp_path, caller))
        opened.enter_context(serving(tmp_path, caller, port=other.port))
        with load.going_on():
            load.wait_for(ENOUGH, within=60)
        records = load.check_log(tmp_path, caller)
        for each in (caller, other):
            load.check_used(each)

    assert set(load.statuses) == {200}
    assert Counter(record["event"] for record in records)["start"] == 2


def test_two_workers_on_one_postgresql(tmp_path, postgres_storage):
    """Two workers of one server on PostgreSQL answer without an error, and their lines are one chain."""
    caller = Caller(write(tmp_path, postgres_storage))
    load = Load([caller])
    with serving(tmp_path, caller, "--workers", "2"):
        with load.going_on():
            load.wait_for(ENOUGH, within=60)
        load.check_log(tmp_path, caller)

    assert set(load.statuses) == {200}
