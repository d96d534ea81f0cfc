"""Where the tests may have this process killed, to see what survives; nothing here acts outside of them.

It takes two environment variables and a loopback address: ``UNDERSIGN_TEST_HOOKS=1`` and ``UNDERSIGN_TEST_KILL_AT``,
one of the four points, with ``:N`` behind it for the N-th time that it is passed.
"""

from __future__ import annotations

import os
import signal
from collections.abc import Callable, Mapping
from itertools import count

from ..errors import SettingsError
from ..runner import POINTS

__all__ = ["crash_points"]


def crash_points(environment: Mapping[str, str], *, loopback: bool) -> Callable[[str], None] | None:
    """Give what kills the process at the point that was named; None where nothing is to be killed.

    Raises:
        SettingsError: What was named is no point.
    """
    wanted = environment.get("UNDERSIGN_TEST_KILL_AT", "")
    if not wanted or environment.get("UNDERSIGN_TEST_HOOKS") != "1" or not loopback:
        return None
    named, _, times = wanted.partition(":")
    if named not in POINTS or (times and not times.isdecimal()):
        raise SettingsError(f"UNDERSIGN_TEST_KILL_AT names none of {', '.join(POINTS)}.")
    passed = count(1)

    def at(point: str) -> None:
        if point == named and next(passed) >= int(times or 1):
            os.kill(os.getpid(), signal.SIGKILL)

    return at
