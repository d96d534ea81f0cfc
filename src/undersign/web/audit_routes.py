"""The log over HTTP: its lines as they are stored, and a signed head to hold them against; for auditors only.

Who is an auditor is what the rule named ``auditor`` says, held against a token of any configured issuer; without such
a rule nobody is. The bytes are those that ``undersign audit verify`` takes.
"""

from __future__ import annotations

from typing import Final

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import Response

from ..access.rules import Facts
from ..assemble import House
from ..errors import (
    AccessError,
    FetchError,
    RequestError,
    RuleDeniedError,
    StorageError,
    UnauthenticatedError,
    UndersignError,
)
from ..storage.audit import lines_after
from .body import address_of, bearer
from .operation import Answer, Operation, Parameter
from .problem import MEDIA_TYPE

__all__ = ["AUDITOR", "AuditRoutes"]

AUDITOR: Final = "auditor"


class AuditRoutes:
    """The addresses of the log."""

    def __init__(self, house: House) -> None:
        self._house = house

    def operations(self) -> tuple[Operation, ...]:
        """What is served."""
        refused = (Answer(401, "no token", MEDIA_TYPE), Answer(403, "not an auditor", MEDIA_TYPE))
        lines = Answer(200, "the lines after that number, at most 1000", "application/x-ndjson")
        head = Answer(200, "a JWS over the last line's number, hash and time", "application/jose")
        after = Parameter("after", "query", "the number of the last line that you have; 0 for none")
        return (
            Operation(
                "audit",
                "GET",
                "/v1/audit",
                "The log, line by line",
                self.lines,
                (lines, *refused),
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

    async def lines(self, request: Request) -> Response:
        """The lines after a number, byte for byte."""
        await self._check_auditor(request)
        after = request.query_params.get("after", "0")
        if not after.isdecimal() or len(after) > 18:  # noqa: PLR2004
            raise RequestError("after is the number of a line.")
        found = await run_in_threadpool(lines_after, self._house.database, int(after))
        body = b"".join(line.body + b"\n" for line in found)
        return Response(body, 200, {"Cache-Control": "no-store"}, "application/x-ndjson")

    async def head(self, request: Request) -> Response:
        """The head, signed by the key of the running epoch."""
        await self._check_auditor(request)
        signed = await run_in_threadpool(self._house.heads.sign)
        return Response(signed, 200, {"Cache-Control": "no-store"}, "application/jose")

    async def _check_auditor(self, request: Request) -> None:
        try:
            await self._check(request)
        except AccessError as error:
            cause = error.__cause__
            reason = cause.code if isinstance(cause, UndersignError) else error.code
            self._house.writer.count(f"audit:{reason}", address_of(request))
            raise

    async def _check(self, request: Request) -> None:
        token = bearer(request)
        if token is None:
            raise UnauthenticatedError("There is no token.")
        try:
            caller = await self._house.issuers.averify(token)
        except (FetchError, StorageError):
            raise
        except UndersignError as reason:
            raise UnauthenticatedError("The token was refused.") from reason
        if self._house.auditor is None:
            raise RuleDeniedError("Nobody is an auditor here.", help="Name a rule 'auditor' in the configuration.")
        facts = Facts(caller.claims, {"ip": address_of(request)}, self._house.clock())
        self._house.auditor.check(facts)
