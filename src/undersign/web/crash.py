"""Where the tests may have this process killed, to see what survives; nothing here acts outside of them.

It takes two environment variables and a loopback address: ``UNDERSIGN_TEST_HOOKS=1`` and ``UNDERSIGN_TEST_KILL_AT``,
one of the four points, with ``:N`` behind it for the N-th time that it is passed.
"""

from __future__ import annotations

import os
import signal
from collections.abc import Mapping
from itertools import count

from ..errors import SettingsError
from ..runner import POINTS

__all__ = ["Crash"]


class Crash:
    """Passed at each point; kills the process at the one that was named."""

    def __init__(self, environment: Mapping[str, str], *, loopback: bool) -> None:
        wanted = environment.get("UNDERSIGN_TEST_KILL_AT", "")
        armed = bool(wanted) and environment.get("UNDERSIGN_TEST_HOOKS") == "1" and loopback
        self._point, _, times = wanted.partition(":") if armed else ("", "", "")
        if armed and (self._point not in POINTS or (times and not times.isdecimal())):
            raise SettingsError(f"UNDERSIGN_TEST_KILL_AT names none of {', '.join(POINTS)}.")
        self._times = int(times or 1)
        self._passed = count(1)

    def at(self, point: str) -> None:
        """Pass a point."""
        if point == self._point and next(self._passed) >= self._times:
            os.kill(os.getpid(), signal.SIGKILL)
