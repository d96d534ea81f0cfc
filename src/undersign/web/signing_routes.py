"""The signing server's addresses: workers sign, describe themselves and publish their keys; the log is read here."""

from __future__ import annotations

from functools import partial
from secrets import token_hex
from typing import Final

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import Response

from ..access.issuers import VerifiedCaller
from ..assemble import House
from ..audit.chain import Line
from ..encoding import dump_json
from ..errors import (
    AccessError,
    FetchError,
    RequestError,
    StorageError,
    UnauthenticatedError,
    UndersignError,
    UnusableKeyError,
)
from ..limits import DEFAULT
from ..signing import receipt
from ..signing.process import Decision, Outcome, decide, perform, reason_of, refusal
from ..signing.request import Document, SigningRequest, check_digest, from_envelope
from ..signing.worker import Worker
from ..storage.writer import KeyUse, Subject, Write
from .answers import KeyDescription, SignAnswer, WorkerDescription, WorkerList, json_answer
from .body import address_of, bearer, read
from .commit import commit, run
from .crash import Crash
from .operation import Answer, Operation, Parameter, Takes
from .problem import MEDIA_TYPE

__all__ = ["SigningRoutes"]

_ENVELOPE: Final = "application/json"
_MAX_ENVELOPE: Final = DEFAULT.token


class SigningRoutes:
    """The addresses of one signing server."""

    def __init__(self, house: House, crash: Crash) -> None:
        self._house = house
        self._crash = crash

    def operations(self) -> tuple[Operation, ...]:
        """What is served."""
        worker = (Parameter("worker", "path", "the worker's name"),)
        refused = tuple(Answer(status, text, MEDIA_TYPE) for status, text in _REFUSALS)
        needed, unknown = refused[1], refused[3]
        return (
            self._sign_operation(worker, refused),
            Operation(
                "workers",
                "GET",
                "/v1/workers",
                "The workers that your token may see",
                self.workers,
                (Answer(200, "the workers", _ENVELOPE, WorkerList), needed),
                secured=True,
            ),
            Operation(
                "worker",
                "GET",
                "/v1/workers/{worker}",
                "What one worker does",
                self.worker,
                (Answer(200, "the worker", _ENVELOPE, WorkerDescription), needed, unknown),
                parameters=worker,
                secured=True,
            ),
            *self._key_operations(worker, unknown),
        )

    def _key_operations(self, worker: tuple[Parameter, ...], unknown: Answer) -> tuple[Operation, ...]:
        keys = Answer(200, "a JWK Set (RFC 7517)", "application/jwk-set+json")
        path, receipts = "/v1/workers/{worker}/jwks.json", "/v1/receipts/jwks.json"
        of_worker, of_receipts = "A worker's public keys", "The keys that receipts verify with"
        return (
            Operation("worker_jwks", "GET", path, of_worker, self.worker_jwks, (keys, unknown), parameters=worker),
            Operation("receipt_jwks", "GET", receipts, of_receipts, self.receipt_jwks, (keys,)),
        )

    def _sign_operation(self, worker: tuple[Parameter, ...], refused: tuple[Answer, ...]) -> Operation:
        return Operation(
            "sign",
            "POST",
            "/v1/workers/{worker}/sign",
            "Sign a document",
            self.sign,
            (_SIGNED, *refused),
            (Takes("*/*", {"type": "string", "format": "binary"}), Takes(_ENVELOPE, _ENVELOPE_SCHEMA)),
            (*worker, *_OPTIONS),
            secured=True,
        )

    async def sign(self, request: Request) -> Response:
        """Who asks, what for; decide, commit, sign, commit, receipt, answer."""
        request_id = token_hex(16)
        worker, caller = await self._caller(request)
        document = await _document(request, self._house.settings.server.body_timeout)
        signing = SigningRequest(worker.name, request_id, document, caller, address_of(request))
        try:
            check_digest(signing.document, request.headers.get("content-digest"))
            decision, outcome, line = await self._decide_and_carry_out(signing)
        except StorageError:
            raise
        except UndersignError as error:
            await self._record(error, signing, request)
            raise
        proof = receipt.issue(line, issuer=self._house.url, signer=self._house.keyring.active("receipt").signer)
        self._crash.at("after_done")
        return _signed(request, decision, outcome, proof)

    async def _decide_and_carry_out(self, signing: SigningRequest) -> tuple[Decision, Outcome, Line]:
        house = self._house
        decision = decide(signing, house.workers, house.keyring, house.clock())
        try:
            return decision, *(await self._carry_out(decision))
        except UnusableKeyError:
            # Rotated or disabled by another process since this one looked; a refused reserve has used nothing up.
            await run_in_threadpool(house.keyring.reload)
        decision = decide(signing, house.workers, house.keyring, house.clock())
        return decision, *(await self._carry_out(decision))

    async def _carry_out(self, decision: Decision) -> tuple[Outcome, Line]:
        self._crash.at("before_reserve")
        reserved = await self._reserve(decision)
        self._crash.at("after_reserve")
        size = len(decision.request.document.octets)
        outcome = await run(partial(perform, decision, reserved), alg=decision.key.signer.alg, size=size)
        self._crash.at("after_sign")
        # A commit that fails here drops the signature: the chain keeps an intent without an outcome.
        return outcome, await commit(self._house.writer, Write(outcome.record))

    async def _reserve(self, decision: Decision) -> Line:
        used, proof = decision.use, self._house.keyring.active("receipt")
        caller = decision.permit.caller
        issuer = () if caller is None else (Subject("issuer", caller.issuer),)
        write = Write(
            decision.intent,
            burns=decision.burns,
            uses=(KeyUse(used.key.name, used.key.version, used.limit), KeyUse(proof.ref.name, proof.ref.version)),
            personal=decision.personal,
            enabled=(Subject("worker", decision.worker.name), *issuer),
        )
        return await commit(self._house.writer, write)

    async def _record(self, error: UndersignError, signing: SigningRequest, request: Request) -> None:
        """A line for a caller who is known, a count for one who is not."""
        if signing.caller is None:
            self._house.writer.count(reason_of(error), address_of(request))
        else:
            await commit(self._house.writer, Write(refusal(error, signing)))

    async def _caller(self, request: Request) -> tuple[Worker, VerifiedCaller | None]:
        """Find the worker, and who asks; a worker for anyone asks nobody."""
        try:
            worker = self._house.workers.find(request.path_params["worker"])
            if not worker.issuers:
                return worker, None
            return worker, await self._verified(request)
        except AccessError as error:
            self._house.writer.count(reason_of(error), address_of(request))
            raise

    async def _verified(self, request: Request) -> VerifiedCaller:
        token = bearer(request)
        if token is None:
            raise UnauthenticatedError("There is no token.")
        try:
            return await self._house.issuers.averify(token)
        except (FetchError, StorageError):
            raise
        except UndersignError as reason:
            # One sentence for every reason; the reason itself goes into the log.
            raise UnauthenticatedError("The token was refused.") from reason

    async def workers(self, request: Request) -> Response:
        """The workers that list the token's issuer."""
        caller = await self._verified(request)
        seen = [self._describe(w) for w in self._house.workers.by_name.values() if caller.issuer in w.issuers]
        return json_answer(WorkerList(seen))

    async def worker(self, request: Request) -> Response:
        """One worker; to others than its callers it does not exist."""
        worker, caller = await self._caller(request)
        if caller is not None and caller.issuer not in worker.issuers:
            worker = self._house.workers.find("")
        return json_answer(self._describe(worker))

    async def worker_jwks(self, request: Request) -> Response:
        """The public keys of one worker."""
        worker = self._house.workers.find(request.path_params["worker"])
        return await self._keys(worker.key)

    async def receipt_jwks(self, request: Request) -> Response:  # noqa: ARG002 - Starlette's argument
        """The public keys that receipts verify with."""
        return await self._keys("receipt")

    async def _keys(self, name: str) -> Response:
        keys = await run_in_threadpool(self._house.keyring.published, name)
        return Response(
            dump_json(keys.to_jwks()), 200, {"Cache-Control": "public, max-age=60"}, "application/jwk-set+json"
        )

    def _describe(self, worker: Worker) -> WorkerDescription:
        key, base = self._house.keyring.active(worker.key), f"{self._house.url}/v1/workers/{worker.name}"
        return WorkerDescription(
            name=worker.name,
            format=worker.format,
            type=worker.type,
            bind=worker.bind,
            detached_from=worker.detached_from,
            key=KeyDescription(key.ref.kid, key.signer.alg, key.ref.version),
            sign=f"{base}/sign",
            jwks=f"{base}/jwks.json",
        )


async def _document(request: Request, seconds: float) -> Document:
    media_type = request.headers.get("content-type", "application/octet-stream")
    if len(media_type) > 127:  # noqa: PLR2004 - RFC 6838 section 4.2
        raise RequestError("The media type is longer than 127 characters.")
    if media_type.partition(";")[0].strip().lower() == _ENVELOPE:
        return from_envelope(await read(request, _MAX_ENVELOPE, seconds=seconds))
    wanted = request.query_params.getlist("detached")
    if set(request.query_params) - {"detached"} or len(wanted) > 1 or not set(wanted) <= {"true", "false"}:
        raise RequestError("The query takes detached=true or detached=false, once.")
    octets = await read(request, DEFAULT.payload, seconds=seconds)
    return Document(octets, media_type, wanted[0] == "true" if wanted else None)


def _signed(request: Request, decision: Decision, outcome: Outcome, proof: str) -> Response:
    made, key = outcome.made, decision.key
    is_json = request.headers.get("content-type", "").partition(";")[0].strip().lower() == _ENVELOPE
    headers = {"Undersign-Request-Id": decision.request.request_id, "Cache-Control": "no-store"}
    if not is_json and _ENVELOPE not in request.headers.get("accept", ""):
        return Response(made.octets, 200, headers | {"Undersign-Receipt": proof}, made.media_type)
    answer = SignAnswer(
        result=made.octets.decode("ascii"),
        format=decision.worker.format,
        media_type=made.media_type,
        detached=made.detached,
        key=KeyDescription(key.ref.kid, key.signer.alg, key.ref.version),
        request_id=decision.request.request_id,
        receipt=proof,
    )
    return json_answer(answer, headers=headers)


_SIGNED: Final = Answer(
    200, "the result; by itself, with its receipt in Undersign-Receipt, unless JSON is accepted", _ENVELOPE, SignAnswer
)
_OPTIONS: Final = (
    Parameter("detached", "query", "true or false: leave the document out of the result, or in"),
    Parameter("Content-Digest", "header", "sha-256 or sha-512 of the body (RFC 9530); another body is refused"),
)
_REFUSALS: Final = (
    (400, "the document or the request cannot be taken"),
    (401, "no token, or none that is accepted"),
    (403, "no rule allows it; the conditions that failed are named"),
    (404, "no such worker, or none that lists the token's issuer"),
    (408, "the document did not arrive in time"),
    (409, "the authorization was used before"),
    (413, "too large"),
    (422, "the document is not the one that Content-Digest names"),
    (503, "nothing was released; try again"),
)
_ENVELOPE_SCHEMA: Final = {
    "type": "object",
    "description": "Exactly one of data (base64url), text and json; and options.",
    "properties": {
        "data": {"type": "string"},
        "text": {"type": "string"},
        "json": {},
        "media_type": {"type": "string"},
        "options": {"type": "object", "properties": {"detached": {"type": "boolean"}}},
    },
}
