"""Lines, commitments and the evidence that a chain holds."""

import copy
import json
import pickle

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.audit.writing import NOW, Chain, verify
from undersign.audit.chain import GENESIS
from undersign.audit.record import Entry, Position, commit, commitment
from undersign.audit.verify import ChainReport
from undersign.errors import ChainError


@settings(max_examples=200)
@given(st.data())
def test_any_one_byte_change_is_found(data):
    """Under a head, no byte of any line can be another."""
    chain = Chain()
    chain.sign(1)
    head = chain.head()
    seq = data.draw(st.integers(0, len(chain.lines) - 1))
    at = data.draw(st.integers(0, len(chain.lines[seq]) - 1))
    byte = data.draw(st.integers(0, 255).filter(lambda value: value != chain.lines[seq][at]))
    line = chain.lines[seq]
    chain.lines[seq] = line[:at] + bytes([byte]) + line[at + 1 :]
    if chain.lines[seq].rstrip(b"\r\n") == line:
        return

    with pytest.raises(ChainError):
        verify(chain, heads=[head])


def test_the_report_is_evidence(chain):
    """It cannot be built, changed, copied or unpickled elsewhere."""
    report = verify(chain)
    with pytest.raises(TypeError):
        ChainReport(chain="c1")
    with pytest.raises(AttributeError):
        report.witnessed = 99
    with pytest.raises(TypeError):
        copy.copy(report)
    with pytest.raises(TypeError):
        pickle.dumps(report)


def test_commitments_hide_and_bind():
    """The same value commits differently each time, and opens only to itself and its target."""
    (mapped, personal), (again, _) = commit("log.user", "ana"), commit("log.user", "ana")

    assert mapped.commitment != again.commitment
    assert commitment("log.user", personal.salt, "ana") == mapped.commitment
    assert commitment("log.user", personal.salt, "bob") != mapped.commitment
    assert commitment("log.name", personal.salt, "ana") != mapped.commitment


@given(st.text(max_size=40).filter(lambda t: t.isprintable()), st.text(max_size=20).filter(lambda t: t.isprintable()))
def test_lines_are_json_on_one_line(worker, node):
    """Whatever a worker or node is called, its line is one line of strict JSON that says so."""
    body = Entry("sign", "intent", worker=worker).to_json(Position("c1", 1, NOW, node, GENESIS))
    members = json.loads(body)

    assert b"\n" not in body
    assert (members.get("worker", ""), members["node"], members["prev"]) == (worker, node, GENESIS)


def test_log_forging_is_escaped():
    """A line break or quote in a value does not begin another line or member."""
    body = Entry("sign", "intent", worker='x"\n{"v":1').to_json(Position("c1", 1, NOW, 'n"\n', GENESIS))

    assert b"\n" not in body
    assert json.loads(body)["worker"] == 'x"\n{"v":1'
