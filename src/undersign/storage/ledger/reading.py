"""What is read at each use, where nothing is written: the trusted rows of now, stored one-time values.

The trusted rows that a process has verified are of one generation. Whether that is still the present one is read from
the head each time (safety rule 16); only when it is not are the rows read and verified anew.
"""

from __future__ import annotations

from collections.abc import Iterable

from undersign.access.one_time import Kept, reference
from undersign.access.standing import Enabled
from undersign.audit.chain import Line, link
from undersign.cryptotoken.lifecycle import Published
from undersign.errors import ClockBehindError, PolicyError, StorageError, UndersignError

from ..database import Database
from ..envelope import Envelope
from ..rows import TRUSTED
from ..rows.keys import Keys, is_published
from ..rows.one_time import FIND, found
from ..rows.row import CLOCK_TOLERANCE
from ..rows.subjects import Subjects, refusal
from ..trust import Picture
from .lines import LAST, READ, StoredHead, believed, check_reaches, head_of, line_of

__all__ = ["Reading"]


class Reading:
    """Reads of one database.

    Attributes:
        known: The trusted rows as this process last knew them; for whoever asks again at the commit.
        seen: How far it has seen the chain reach: a line's number and hash.
    """

    def __init__(self, database: Database, envelope: Envelope) -> None:
        self._database = database
        self._envelope = envelope
        self.known: Picture | None = None
        self.seen: tuple[int, str] = (0, "")

    def know(self, picture: Picture) -> None:
        """Take over what a commit has verified or made."""
        known = self.known
        if known is None or known.generation < picture.generation:
            self.known = picture

    def now(self) -> Picture:
        """The trusted rows of now.

        Raises:
            StorageError: The database cannot be read, or says what was not written under this master key.
        """
        self.refresh()
        if self.known is None:
            raise StorageError("The database has no audit chain.", help="Serve its configuration file once.")
        return self.known

    def refresh(self) -> StoredHead:
        """Read the head, and the trusted rows where it is of another generation; raises as ``now`` does."""
        known, seen = self.known, self.seen  # before the head, which can then only be as new or newer
        head = believed(head_of(self._database.ask(READ)), self._envelope)
        self.saw(head, seen)
        if known is not None and known.generation > head.generation:
            raise StorageError("The rows that decide trust have gone back to an earlier state.")
        if known is None or (known.generation, known.manifest) != (head.generation, head.manifest):
            # Read together, so that a change in between cannot look like one that nobody was allowed to make.
            first, *rows = self._database.ask_all((READ, {}), *((kind.ALL, {}) for kind in TRUSTED))
            head = believed(head_of(first), self._envelope)
            self.know(Picture.verified(head.generation, head.manifest, TRUSTED, rows, self._envelope))
        return head

    def saw(self, head: StoredHead, before: tuple[int, str]) -> None:
        """Hold a head against what was seen before it was read, and remember it; raises as ``now`` does."""
        check_reaches(head, before)
        if head.seq > self.seen[0]:
            self.seen = (head.seq, head.hash)

    def last_line(self) -> Line:
        """The line that the head names, read in one and held against it; raises as ``now`` does."""
        seen = self.seen
        first, last = self._database.ask_all((READ, {}), (LAST, {}))
        head = believed(head_of(first), self._envelope)
        self.saw(head, seen)
        if not last:
            raise StorageError("The database lost its last line.", help="Restore it from a backup.")
        line = line_of(last[0])
        if not head.hash == line.hash == link(head.chain, line.body):
            raise StorageError("The last line was changed in the database.", help="Restore it from a backup.")
        return line

    def check_clock(self, now: float) -> None:
        """Refuse where this process's clock is behind what the database has seen; raises as ``now`` does.

        Raises:
            ClockBehindError: It is, by more than a clock may be corrected by.
        """
        head = self.refresh()
        if now < head.time - CLOCK_TOLERANCE:
            raise ClockBehindError(f"This machine's clock is {head.time - int(now)} seconds behind the database's.")

    def check(self, requirements: Iterable[object]) -> None:
        """Hold requirements against the trusted rows of now; what a commit asks, where there is none.

        Raises:
            AccessError, UnusableKeyError: One does not hold.
            StorageError: The database cannot be read.
        """
        picture = self.now()
        for wanted in requirements:
            error = _refused(picture, wanted)
            if error is not None:
                raise error

    def find(self, purpose: str, secret: str, now: float) -> Kept:
        """Find a stored one-time value by its secret.

        Raises:
            ReplayedError, ExpiredTokenError: There is none that could be used.
            StorageError: The database cannot be read, or the row is not what was written.
        """
        rows = self._database.ask(FIND, references=[reference(purpose, secret)])
        return found(rows, self._envelope, now)


def _refused(picture: Picture, wanted: object) -> UndersignError | None:
    if isinstance(wanted, Enabled):
        return refusal(picture.get(Subjects, wanted), wanted)
    if isinstance(wanted, Published):
        return is_published(picture.all(Keys), wanted)
    raise PolicyError(f"{type(wanted).__name__} is not a requirement that can be read.")
