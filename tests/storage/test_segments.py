"""Closing segments of the log: the lines are in the database, or in a file that is whole and on record."""

import json
import stat
from hashlib import sha256

import pytest

from tests.storage.filling import fill, killed
from tests.storage.writing import MASTER, NOW, Clock, burn, intent, members, run, set_head, settle, start_chain
from undersign.audit.chain import link
from undersign.audit.record import Entry, Write
from undersign.audit.segment import CloseSegment, closing
from undersign.audit.verify import verify_file, verify_lines
from undersign.errors import ChainError, ConflictError, LinesClosedError, PolicyError, StorageError
from undersign.storage.closing import Files, close_segment
from undersign.storage.heads import HeadSigner
from undersign.storage.ledger.ledger import Ledger
from undersign.storage.ledger.lines import head_line, lines_after, read_head
from undersign.storage.ledger.mark import Mark
from undersign.storage.ledger.opening import taken_back


@pytest.fixture
def filled(database, chain, shelf, token, clock):
    return fill(database, chain, shelf, token, clock)


@pytest.fixture
def files(tmp_path):
    return Files(tmp_path / "segment.jsonl", tmp_path / "checkpoint.jws")


@pytest.fixture
def root(shelf, token, chain):
    return token.signer(shelf.active("audit-root"))


@pytest.fixture
def heads(database, ledger, chain, root, clock):
    return HeadSigner(ledger, chain=chain.id, root=root, clock=clock)


@pytest.fixture
def close(database, ledger, heads, root, filled):
    """Close the segment up to a line."""
    public = root.public()

    def closing_up_to(through, files):
        return close_segment(database, ledger, heads, root=public, through=through, files=files)

    return closing_up_to


def there(database):
    return [line.seq for line in lines_after(database, read_head(database).closed, limit=10_000)]


def verified(database, chain, *segments, **more):
    """Verify segments and what is in the database as one chain."""
    lines = [line for path in segments for line in path.read_bytes().splitlines()]
    lines += [line.body for line in lines_after(database, read_head(database).closed, limit=10_000)]
    return verify_lines(lines, root=chain.root, **more)


def test_a_segment_is_in_its_file_and_on_record(database, chain, close, files, clock):
    """The lines are in the file octet by octet, gone from the database, and one line says which, and what they were."""
    before = lines_after(database, 0, limit=10_000)
    done = close(20, files)

    assert files.segment.read_bytes() == b"".join(line.body + b"\n" for line in before[:20])
    assert there(database)[0] == 21
    line = members(database, 20)[-1]
    assert (line["event"], line["seq"]) == ("segment_closed", done.line)
    assert line["detail"]["hash"] == before[19].hash
    assert line["detail"]["sha256"] == sha256(files.segment.read_bytes()).hexdigest() == done.sha256
    assert (line["detail"]["first"], line["detail"]["through"]) == (1, 20)
    assert read_head(database).closed == 20
    for path in (files.segment, files.checkpoint):
        assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_what_was_closed_verifies_with_what_follows(database, chain, close, files, heads, tmp_path):
    """The chain holds over its segments and the database, and behind the checkpoint without them."""
    second = Files(tmp_path / "two.jsonl", tmp_path / "two.jws")
    close(20, files)
    close(read_head(database).seq, second)
    head = heads.sign()

    whole = verified(database, chain, files.segment, second.segment, heads=[head])
    later = verified(database, chain, checkpoint=second.checkpoint.read_text().strip(), heads=[head])
    middle = verify_file(second.segment, root=chain.root, checkpoint=files.checkpoint.read_text().strip())

    assert (whole.first, whole.lines, whole.witnessed) == (1, read_head(database).seq, read_head(database).seq)
    assert (later.lines, later.witnessed) == (whole.lines, whole.witnessed)
    assert (middle.first, middle.lines) == (21, later.first - 1)


def test_the_checkpoints_epoch_is_on_record_before(database, close, files):
    """The line of the epoch that signed is before the one that closes, and names the same epoch."""
    done = close(20, files)
    epoch = next(line for line in members(database, 20) if line["event"] == "epoch_opened")
    line = members(database, done.line - 1)[0]

    assert epoch["seq"] < done.line
    assert epoch["detail"]["epoch"] == line["detail"]["epoch"]


def test_the_ledger_goes_on(database, chain, close, files, ledger, clock):
    """After closing, writes follow the line that closed; what was used stays used."""
    done = close(20, files)

    assert ledger.submit(intent(1)).result().line.seq == done.line + 1
    assert settle(database, chain, clock, intent(1, burn("j1"))) == ["ReplayedError"]
    assert head_line(database).seq == read_head(database).seq


def test_lines_that_were_closed_are_named_as_such(database, close, files):
    """Asking for lines that are no longer there is an error, and asking for what follows them is not."""
    close(20, files)

    for after in (0, 19):
        with pytest.raises(LinesClosedError, match="up to 20"):
            lines_after(database, after)
    assert lines_after(database, 20)[0].seq == 21


# -- what is refused --


@pytest.mark.parametrize("through", [0, -1, 10_000])
def test_there_must_be_something_to_close(database, close, files, through):
    """A line that is not there, or one before the first, closes nothing."""
    with pytest.raises(PolicyError, match="nothing to close"):
        close(through, files)
    assert not files.segment.exists()


@pytest.mark.parametrize("name", ["segment", "checkpoint"])
def test_no_file_is_written_over(database, close, files, name):
    """A file that is there, or a link to one that is not, is left as it is, and nothing is closed."""
    path = getattr(files, name)
    path.write_text("mine")
    reach = read_head(database).seq

    with pytest.raises(PolicyError, match="there already"):
        close(20, files)
    assert path.read_text() == "mine"
    path.unlink()
    path.symlink_to(path.parent / "elsewhere")
    with pytest.raises(PolicyError, match="there already"):
        close(20, files)
    assert read_head(database)[2:] == (reach, *read_head(database)[3:])


def test_the_file_of_somebody_who_was_first_is_left_alone(database, close, files, monkeypatch):
    """A file that appears after it was looked for is neither written over nor removed."""
    monkeypatch.setattr("pathlib.Path.exists", lambda _: False)
    files.segment.write_text("mine")

    with pytest.raises(StorageError, match="cannot be written"):
        close(20, files)
    assert files.segment.read_text() == "mine"
    assert read_head(database).closed == 0


def test_a_folder_that_is_not_there_is_named(database, close, files, tmp_path):
    """Where a file cannot be written, nothing is removed."""
    with pytest.raises(StorageError, match="cannot be written"):
        close(20, Files(tmp_path / "no" / "segment", files.checkpoint))
    with pytest.raises(StorageError, match="cannot be written"):
        close(20, Files(files.segment, tmp_path / "no" / "checkpoint"))
    assert there(database)[0] == 1
    assert not files.segment.exists()


CHANGES = [
    "DELETE FROM audit_lines WHERE seq = 5",
    "DELETE FROM audit_lines WHERE seq <= 3",
    "DELETE FROM audit_lines WHERE seq = 20",
    "UPDATE audit_lines SET line = (SELECT line FROM audit_lines WHERE seq = 6) WHERE seq = 5",
    "UPDATE audit_lines SET line = (SELECT line FROM audit_lines WHERE seq = 21) WHERE seq = 20",
    "UPDATE chain SET root = 'x'",
]


@pytest.mark.parametrize("change", CHANGES)
def test_a_log_that_was_tampered_with_is_not_closed(database, close, files, change):
    """What does not hold together stays where it is, and no checkpoint speaks for it."""
    run(database, change)

    with pytest.raises((ChainError, StorageError)):
        close(20, files)
    assert not files.segment.exists()
    assert not files.checkpoint.exists()
    assert read_head(database).closed == 0


def test_what_changed_since_it_was_verified_is_not_closed(database, close, files, monkeypatch):
    """Under the lock the last line must be the one that was exported; the files stay, for they are evidence."""
    from undersign.storage import closing as module  # noqa: PLC0415

    made = module.closing

    def late(*given, **named):
        run(database, "UPDATE audit_lines SET hash = 'x' WHERE seq = 20")
        return made(*given, **named)

    monkeypatch.setattr(module, "closing", late)
    with pytest.raises(ConflictError, match="not the one that was exported"):
        close(20, files)
    assert there(database)[0] == 1
    assert files.segment.exists()


def test_a_segment_is_closed_once(database, chain, clock, filled):
    """Of two that close at once, in one batch or in two, one wins; one that does not begin at the first line loses."""
    lines = lines_after(database, 0)
    segments = [CloseSegment(1, 10, lines[9].hash), CloseSegment(1, 12, lines[11].hash)]
    writes = [closing(segment, sha256="0" * 64, epoch="e") for segment in segments]

    assert settle(database, chain, clock, *writes) == ["ok", "ConflictError"]
    assert settle(database, chain, clock, writes[1]) == ["ConflictError"]
    later = CloseSegment(12, 14, lines[13].hash)
    assert settle(database, chain, clock, closing(later, sha256="0" * 64, epoch="e")) == ["ConflictError"]
    assert (read_head(database).closed, there(database)[0]) == (10, 11)


def test_a_refused_write_closes_nothing(database, chain, clock, filled):
    """What is taken together is taken together: a burn that was used before keeps the lines in place."""
    line = lines_after(database, 0)[9]
    write = Write(Entry("segment_closed", "ok"), CloseSegment(1, 10, line.hash), burn("j1"))

    assert settle(database, chain, clock, write) == ["ReplayedError"]
    assert there(database)[0] == 1


# -- restarts, marks and clocks --


@pytest.mark.usefixtures("filled")
def test_a_mark_on_a_closed_line_is_no_restore(database, chain, clock, files, root, tmp_path):
    """A machine that was away while lines were closed, its own last one too, has not been set back."""
    mark = Mark(tmp_path / "mark")
    with Ledger(database, chain.envelope, clock=clock, mark=mark) as ledger:
        ledger.submit(intent(1)).result()
    reach = read_head(database).seq
    with Ledger(database, chain.envelope, clock=clock) as ledger:
        heads = HeadSigner(ledger, chain=chain.id, root=root, clock=clock)
        close_segment(database, ledger, heads, root=root.public(), through=reach, files=files)

    start_chain(database, now=NOW, mark=mark)
    assert "restored" not in {line["event"] for line in members(database, reach)}


def test_a_head_that_claims_to_be_closed_hides_no_restore(database, chain, clock, filled, tmp_path):
    """Who puts an old state back and says that its lines were closed is found out by the mark all the same."""
    mark = Mark(tmp_path / "mark")
    with Ledger(database, chain.envelope, clock=clock, mark=mark) as ledger:
        ledger.submit(intent(1)).result()
    run(database, "DELETE FROM audit_lines WHERE seq = (SELECT seq FROM chain)")
    last = run(database, "SELECT seq, hash FROM audit_lines ORDER BY seq DESC LIMIT 1")[0]
    forged = {"seq": last[0], "hash": last[1], "closed": last[0] + 9}
    run(database, "UPDATE chain SET seq = :seq, hash = :hash, closed = :closed", **forged)
    with pytest.raises(StorageError, match="without the master key"):
        start_chain(database, now=NOW, mark=mark)

    set_head(database, chain.envelope)  # even where the head's MAC is right
    start_chain(database, now=NOW, mark=mark)
    set_head(database, chain.envelope, closed=0)
    assert members(database, last[0])[0]["event"] == "restored"


def test_rows_are_not_taken_over_anew_behind_a_closed_segment(database, chain, close, files):
    """The first release closed no segment, so a database with one is none of its."""
    close(20, files)
    run(database, "UPDATE chain SET manifest = NULL")
    with pytest.raises(StorageError, match="without the master key"):
        start_chain(database)

    run(database, "UPDATE chain SET mac = NULL")
    with pytest.raises(StorageError, match="was taken out"):
        start_chain(database)


def test_no_epoch_is_opened_while_the_clock_is_behind(database, close, files, heads, clock):
    """Its line would bear the highest time seen, outside the epoch's own hour, and break the chain for good."""
    clock.now = NOW - 10_000

    with pytest.raises(StorageError, match="behind"):
        heads.sign()
    with pytest.raises(StorageError, match="behind"):
        close(20, files)
    assert not files.segment.exists()


def test_a_time_that_was_taken_back_verifies(database, chain, close, files, heads, clock):
    """After the command, lines, heads and segments are those of the time that is, and the chain holds."""
    clock.now = NOW + 100_000
    settle(database, chain, clock, intent(1))
    clock.now = NOW
    assert taken_back(database, MASTER, now=NOW) == (NOW + 100_000, NOW)
    close(read_head(database).seq, files)

    assert verified(database, chain, files.segment, heads=[heads.sign()]).time == NOW
    behind = Clock(NOW - 100)
    assert settle(database, chain, behind, intent(1, burn("x", issued_at=NOW - 100))) == ["ReplayStoreError"]


# -- processes that die --

CLOSING = """
from pathlib import Path
from undersign.cryptotoken.software import SoftwareToken
from undersign.storage import closing, heads
from undersign.storage.keys import KeyVault, records
database = Database.open(sys.argv[1], password=sys.argv[2], migrate=False)
envelope = MASTER.of(sys.argv[3])
ledger = Ledger(database, envelope, clock=lambda: 1_800_000_000).start()
record = records(ledger.reading.now(), "audit-root")[0]
root = SoftwareToken("soft", KeyVault(database, envelope)).signer(record)
signer = heads.HeadSigner(ledger, chain=envelope.chain, root=root, clock=lambda: 1_800_000_000)
files = closing.Files(Path(sys.argv[4]), Path(sys.argv[5]))
owners = {"checkpoint": heads.HeadSigner, "fsync": os, "finish": type(database.connect())}
dying(owners.get(sys.argv[6], closing), sys.argv[6], int(sys.argv[7]), after=sys.argv[8] == "after")
closing.close_segment(database, ledger, signer, root=root.public(), through=20, files=files)
"""
BEFORE = [
    ("lines_after", 1, "after"),
    ("fsync", 1, "before"),
    ("fsync", 1, "after"),
    ("_verified", 1, "before"),
    ("_verified", 1, "after"),
    ("finish", 1, "after"),
    ("checkpoint", 1, "after"),
    ("fsync", 3, "after"),
    ("closing", 1, "before"),
    ("finish", 2, "before"),
]


def dead(where, chain, files, point):
    """Close up to line 20 in a process that is killed at this point."""
    given = (where.url, where.password, chain.id, str(files.segment), str(files.checkpoint))
    killed(CLOSING, *given, *map(str, point))


@pytest.mark.slow
@pytest.mark.parametrize("point", BEFORE, ids=lambda point: "-".join(map(str, point)))
def test_killed_before_the_commit_the_lines_are_there(database, where, chain, close, files, point):
    """Nothing is lost, the files of that try are not written over, and another try succeeds."""
    before = lines_after(database, 0, limit=10_000)
    dead(where, chain, files, point)

    assert lines_after(database, 0, limit=10_000)[: len(before)] == before
    assert read_head(database).closed == 0
    with pytest.raises(PolicyError, match="there already"):
        close(20, files)
    again = Files(files.segment.with_name("again.jsonl"), files.checkpoint.with_name("again.jws"))
    close(20, again)
    assert verified(database, chain, again.segment).first == 1


@pytest.mark.slow
def test_killed_after_the_commit_the_files_are_whole(database, where, chain, filled, files):
    """The record says that the lines were removed, and the file that it names is there, octet by octet."""
    dead(where, chain, files, ("finish", 2, "after"))

    line = members(database, 20)[-1]
    assert line["event"] == "segment_closed"
    assert line["detail"]["sha256"] == sha256(files.segment.read_bytes()).hexdigest()
    last = files.segment.read_bytes().splitlines()[-1]
    assert (json.loads(last)["seq"], link(chain.id, last)) == (20, line["detail"]["hash"])
    assert verified(database, chain, files.segment).first == 1
    assert verified(database, chain, checkpoint=files.checkpoint.read_text().strip()).first == 21
