"""What a worker can make: one file per format, one line each in this table."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final, Protocol

from undersign.jws import Signer
from undersign.signing.mapping import Placed
from undersign.signing.request import Document, Permit
from undersign.signing.worker import Worker

from . import jws
from .made import Made

__all__ = ["KINDS", "Format", "Made", "Maker"]


class Format(Protocol):
    """One format of output."""

    FORMAT: str

    def check_type(self, kind: str, /) -> None:
        """Refuse a worker's ``type`` that is unsafe in this format, when the configuration is checked.

        Raises:
            PolicyError: It is unsafe.
        """

    def check(self, worker: Worker, document: Document) -> None:
        """Refuse a document that must not be signed in this format, before anything is used up.

        Raises:
            RequestError: It must not be signed.
        """

    def Maker(self, worker: Worker, signer: Signer, /) -> Maker:  # noqa: N802 - a class, in the module of a format
        """Compile a worker of this format for one version of its key."""


class Maker(Protocol):
    """A worker, compiled for one version of its key."""

    def make(self, document: Document, placed: Placed, permit: Permit) -> Made:
        """Sign the document; what is made is sealed by whoever called.

        Raises:
            UndersignError: It cannot be signed.
        """


KINDS: Final[Mapping[str, Format]] = MappingProxyType({jws.FORMAT: jws})
