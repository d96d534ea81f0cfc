"""The servers' benchmark measures what it says, and its load stops at a wrong answer."""

import json
import subprocess
import sys
from contextlib import ExitStack

import pytest

from benchmarks.servers import houses, table
from benchmarks.servers.load import UnexpectedError, request, send
from benchmarks.servers.log import lengthen
from benchmarks.servers.process import spent

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def house(tmp_path_factory):
    with ExitStack() as opened:
        yield houses.token_house(opened, tmp_path_factory.mktemp("house") / "token")


def test_a_run_in_small_has_each_row():
    """One round of few requests gives each ratio, or says by name what is not here, and judges by the bars alone."""
    results = table.run(1, number=40, long_log=2_000)
    wanted = [row for row in table.ROWS if not set(row.needs) & set(results.absent)]

    assert {row.name for row in wanted} <= results.ratios.keys()
    assert all(results.ratios[row.name] > 0 for row in wanted)
    assert 200 < results.ratios["octets of SQLite for each token"] < 20_000
    assert results.missed == [
        row.told(results.ratios[row.name]) for row in wanted if not row.is_met(results.ratios[row.name])
    ]
    assert len(results.lines) == len(table.ROWS) + 2


@pytest.mark.parametrize(
    "least, found, is_met", [(True, 1.1, False), (True, 1.2, True), (False, 1.3, False), (False, 1.2, True)]
)
def test_a_bar_is_met_on_its_own_side(least, found, is_met):
    """A least value is missed from below, a greatest from above."""
    assert table.Row("r", (), lambda _: 1.0, 1.2, None, least).is_met(found) is is_met


def test_a_wrong_answer_stops_the_load(house):
    """An assertion that is sent a second time is refused, and the load ends with the answer that it got."""
    good = house.requests(3)
    assert len(send(house.port, good, 2).latencies) == 3
    with pytest.raises(UnexpectedError, match="invalid_client"):
        send(house.port, good, 2)
    with pytest.raises(UnexpectedError, match="404"):
        send(house.port, [request("GET", "/nothing", f"127.0.0.1:{house.port}")], 1)


def test_what_a_server_spends_is_its_own_and_its_childrens(house):
    """Answers cost the server something, and a process that spends in the meantime costs it nothing."""
    before = spent(house.pid)
    send(house.port, house.requests(200), 8)
    after = spent(house.pid)
    sum(range(20_000_000))

    assert 0.02 < after - before < 5
    assert spent(house.pid) - after < 0.1


def test_a_log_that_was_lengthened_verifies(tmp_path):
    """The copied lines are a chain that the command line verifies, and the server goes on from its last one."""
    with ExitStack() as opened:
        house = houses.token_house(opened, tmp_path / "long")
        send(house.port, house.requests(1), 1)
    lengthen(house.folder / "undersign.db", 3_000, master=house.folder / "master.key")
    with ExitStack() as opened:
        again = houses.token_house(opened, tmp_path / "long")
        send(again.port, again.requests(2), 1)
    undersign = [sys.executable, "-m", "undersign.cli.main", "audit"]
    exported = subprocess.run([*undersign, "export", house.folder / "undersign.toml"], capture_output=True, check=True)
    (tmp_path / "log").write_bytes(exported.stdout)
    root = json.loads(exported.stdout.partition(b"\n")[0])["detail"]["root"]
    words = [*undersign, "verify", tmp_path / "log", f"--root={root}", "--json"]
    told = subprocess.run(words, capture_output=True, check=False)

    assert told.returncode == 3, told.stderr
    assert json.loads(told.stdout)["lines"] > 3_002
