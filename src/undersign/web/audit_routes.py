"""The log over HTTP: its lines as they are stored, and a signed head to hold them against; for auditors only.

Who is an auditor is what the rule named ``auditor`` says, held against a token of any configured issuer; without such
a rule nobody is. The bytes are those that ``undersign audit verify`` takes.
"""

from __future__ import annotations

import asyncio
from typing import Final

from ..access.issuers import VerifiedCaller
from ..access.rules import Facts
from ..assemble import House
from ..audit.reason import reason_of
from ..errors import AccessError, RequestError, RuleDeniedError
from ..storage.ledger.lines import lines_after
from .exchange import Field, Reply, Request
from .operation import Answer, Operation, Parameter
from .problem import MEDIA_TYPE

__all__ = ["AUDITOR", "AuditRoutes"]

AUDITOR: Final = "auditor"
_NO_STORE: Final[tuple[Field, ...]] = ((b"cache-control", b"no-store"),)
_LONGEST: Final = 18  # digits of a line's number


class AuditRoutes:
    """The addresses of the log."""

    def __init__(self, house: House) -> None:
        self._house = house

    def operations(self) -> tuple[Operation, ...]:
        """What is served."""
        refused = (Answer(401, "no token", MEDIA_TYPE), Answer(403, "not an auditor", MEDIA_TYPE))
        lines = Answer(200, "the lines after that number, at most 1000", "application/x-ndjson")
        head = Answer(200, "a JWS over the last line's number, hash and time", "application/jose")
        closed = Answer(410, "some of these lines were closed: exported, and no longer in the database", MEDIA_TYPE)
        after = Parameter("after", "query", "the number of the last line that you have; 0 for none")
        return (
            Operation(
                "audit",
                "GET",
                "/v1/audit",
                "The log, line by line",
                self.lines,
                (lines, *refused, closed),
                (),
                (after,),
                secured=True,
            ),
            Operation(
                "audit_head",
                "GET",
                "/v1/audit/head",
                "The log's last line, signed",
                self.head,
                (head, *refused),
                secured=True,
            ),
        )

    async def lines(self, request: Request) -> Reply:
        """The lines after a number, byte for byte."""
        await self._check_auditor(request)
        after = request.query.removeprefix("after=") if request.query else "0"
        if not (after.isascii() and after.isdecimal()) or len(after) > _LONGEST:
            raise RequestError("The query takes after=N, the number of a line.")
        found = await asyncio.to_thread(lines_after, self._house.database, int(after))
        return Reply(200, b"".join(line.body + b"\n" for line in found), b"application/x-ndjson", _NO_STORE)

    async def head(self, request: Request) -> Reply:
        """The head, signed by the key of the running epoch."""
        await self._check_auditor(request)
        signed = await asyncio.to_thread(self._house.heads.sign)
        return Reply(200, signed.encode(), b"application/jose", _NO_STORE)

    async def _check_auditor(self, request: Request) -> None:
        try:
            caller = await asyncio.to_thread(self._house.admit, request.bearer())
            self._check(caller, request.address)
        except AccessError as error:
            self._house.ledger.count(f"audit:{reason_of(error)}", request.address)
            raise

    def _check(self, caller: VerifiedCaller, address: str) -> None:
        if self._house.auditor is None:
            raise RuleDeniedError("Nobody is an auditor here.", help="Name a rule 'auditor' in the configuration.")
        self._house.auditor.check(Facts(caller.claims, {"ip": address}, self._house.clock()))
