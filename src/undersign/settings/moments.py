"""Moments in the configuration file: ISO 8601 dates and times (RFC 3339), in UTC unless they say otherwise."""

from __future__ import annotations

from datetime import UTC, datetime, time

from undersign.errors import SettingsError, quoted

__all__ = ["moment"]


def moment(text: str, *, end: bool = False) -> float:
    """Read a date or a date and time as seconds since 1970.

    Args:
        text: Such as ``2027-01-01`` or ``2027-01-01T12:00:00+01:00``. Without an offset it is UTC, so that two servers
            of one file agree wherever they stand.
        end: Whether a bare date means its last moment: a key that is good until a day is good on that day.

    Raises:
        SettingsError: It is no date.
    """
    try:
        found = datetime.fromisoformat(text)
    except ValueError:
        raise SettingsError(
            f"{quoted(text)} is not a date.", help='Write "2027-01-01" or "2027-01-01T12:00:00Z".'
        ) from None
    if end and len(text) == len("2027-01-01"):
        found = datetime.combine(found.date(), time.max)
    return (found if found.tzinfo else found.replace(tzinfo=UTC)).timestamp()
