"""Where the playground is reached, which names it answers to, and what its cookies are called (safety rule 23)."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final
from urllib.parse import urlsplit

from ..errors import PolicyError, quoted

__all__ = ["LOOPBACK", "Site"]

LOOPBACK: Final = ("localhost", "127.0.0.1", "::1")
_ADDRESS: Final = re.compile(r"https?://([a-z0-9.-]+|\[[0-9a-f:.]+\])(:[0-9]{1,5})?")
_PORTS: Final = {"http": 80, "https": 443}


@dataclass(frozen=True, slots=True)
class Site:
    """One public address.

    Attributes:
        url: Scheme, host and port, without a path.
        shared: Whether callers without a cookie share a sandbox; only where nobody else can reach it.

    Raises:
        PolicyError: The address has more than that, or is plain http to a name other than loopback's.
    """

    url: str
    shared: bool = True

    def __post_init__(self) -> None:
        if not _ADDRESS.fullmatch(self.url):
            raise PolicyError(
                f"{quoted(self.url)} is not an address of a site.", help="Write https://play.example, in small letters."
            )
        if not self.is_secure and not self.is_loopback:
            raise PolicyError(
                f"{quoted(self.url)} is plain http beyond this machine.",
                help="Everybody on the way could read and set the cookies: put TLS before it and write https://.",
            )

    @property
    def is_loopback(self) -> bool:
        """Whether its name is one of loopback's, which no DNS server can point elsewhere."""
        return urlsplit(self.url).hostname in LOOPBACK

    @property
    def is_secure(self) -> bool:
        """Whether browsers reach it by https."""
        return self.url.startswith("https:")

    @property
    def origin_by_host(self) -> dict[str, str]:
        """The origin of its pages by the Host that means this site; on loopback each of its names is one."""
        parts = urlsplit(self.url)
        usual = _PORTS[parts.scheme]
        names = LOOPBACK if self.is_loopback else (parts.hostname or "",)
        spelt = [f"[{name}]" if ":" in name else name for name in names]
        if parts.port not in {None, usual}:
            return {f"{name}:{parts.port}": f"{parts.scheme}://{name}:{parts.port}" for name in spelt}
        return {host: f"{parts.scheme}://{name}" for name in spelt for host in (name, f"{name}:{usual}")}

    @property
    def cookie(self) -> str:
        """The cookie's name: with the prefix that ties it to this host, wherever a browser takes that."""
        return "__Host-playground" if self.is_secure else "playground"
