"""A worker that makes a compact JWS of any octets, detached for large ones (RFC 7515 section 7.1 and appendix F).

Without a ``typ`` of its own, a JWS over a JSON object is a JWT to anybody who reads it. This format therefore refuses
such a payload unless the worker's configuration names a type, and never takes the type of a token that undersign makes.
"""

from __future__ import annotations

from typing import Final

from undersign.errors import PolicyError, RequestError, RequestTooLargeError
from undersign.jws import CompactSigner, Signer
from undersign.limits import DEFAULT
from undersign.signing.mapping import HEADER, Placed
from undersign.signing.request import Document, Permit
from undersign.signing.worker import Worker

from .made import Made

__all__ = ["FORMAT", "Maker", "check", "check_type"]

FORMAT: Final = "jws"
# What the library attaches to a compact JWS: nothing that passes `check` may fail when it is made.
_MAX_ATTACHED: Final = DEFAULT.token // 2


def check_type(kind: str) -> None:
    """Refuse a type that would make the result pass for a token.

    Raises:
        PolicyError: The ``type`` is a token's.
    """
    kind = kind.lower().removeprefix("application/")
    if kind == "jwt" or kind.endswith("+jwt"):
        raise PolicyError(
            "Documents of this type would pass for tokens.", help="Give the worker a type that does not end in jwt."
        )


def check(worker: Worker, document: Document) -> None:
    """Refuse a document that this worker must not sign.

    Raises:
        RequestError: The signed document would pass for a JWT.
    """
    if document.detached is False and len(document.octets) > _MAX_ATTACHED:
        raise RequestTooLargeError("The document is too large to stand in the result.", help="Ask for it detached.")
    if worker.type or not _is_object(document.octets):
        return
    raise RequestError(
        "A signed JSON object without a type of its own could pass for a token.",
        help='Have the worker\'s configuration name a type, such as type = "contract+jws".',
    )


class Maker:
    """A worker of this format, compiled for one version of its key.

    Raises:
        PolicyError, KeyMaterialError: The worker's header or key cannot serve.
    """

    def __init__(self, worker: Worker, signer: Signer) -> None:
        names = [entry.name for entry in worker.mapping if entry.room == HEADER]
        self._worker = worker
        self._signer = CompactSigner(signer, header={"typ": worker.type} if worker.type else None, names=names)
        self._detached_from = min(worker.detached_from, _MAX_ATTACHED)

    def make(self, document: Document, placed: Placed, permit: Permit) -> Made:
        """Sign the document, with the mapped values in its protected header.

        Raises:
            PolicyError: The permit is another worker's.
            UndersignError: The key cannot sign.
        """
        if (type(permit), permit.worker) != (Permit, self._worker.name):
            raise PolicyError("The permit is not one for this worker.")
        detached = document.detached
        if detached is None:
            detached = len(document.octets) >= self._detached_from
        compact = self._signer.sign(document.octets, dict(placed.header), detached=detached)
        return Made(compact.encode("ascii"), "application/jose", detached)


def _is_object(octets: bytes) -> bool:
    # What begins like an object is taken for one: a laxer reader than ours may see one in it.
    return octets.lstrip(b" \t\r\n\xef\xbb\xbf").startswith(b"{")
