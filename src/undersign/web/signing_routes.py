"""The signing server's addresses: workers sign, describe themselves and publish their keys."""

from __future__ import annotations

import asyncio
from typing import Final
from urllib.parse import parse_qsl

from ..assemble import House
from ..audit.receipt import Receipts
from ..encoding import dump_json
from ..errors import AccessError, RequestError, UndersignError, quoted
from ..limits import DEFAULT
from ..runner import Runner
from ..signing.process import RECEIPT, Asking, Outcome
from ..signing.request import Call, Document, SigningRequest, check_digest, from_envelope
from ..signing.worker import Worker
from .answers import KeyDescription, SignAnswer, WorkerDescription, WorkerList
from .exchange import Field, Reply, Request, json_answer
from .operation import Answer, Operation, Parameter, Takes
from .problem import MEDIA_TYPE

__all__ = ["SigningRoutes"]

_ENVELOPE: Final = "application/json"
_MAX_ENVELOPE: Final = DEFAULT.token
_MAX_MEDIA_TYPE: Final = 127  # RFC 6838 section 4.2
_NO_STORE: Final = (b"cache-control", b"no-store")
_CACHE: Final[tuple[Field, ...]] = ((b"cache-control", b"public, max-age=60"),)


class SigningRoutes:
    """The addresses of one signing server."""

    def __init__(self, house: House, runner: Runner) -> None:
        self._house = house
        self._runner = runner
        self._signing = house.signing
        self._receipts = Receipts(house.url)
        self._seconds = house.settings.server.body_timeout

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

    async def sign(self, request: Request) -> Reply:
        """Who asks, what for; read the document, have it signed, receipt it, answer."""
        call = Call(request.parameters["worker"], self._bearer(request), request.address, request.request_id)
        asking = await self._runner.identify(self._signing, call)
        document, enveloped = await self._read(request, asking, call)
        signing = SigningRequest(call.worker, call.request_id, document, asking.caller, call.address)
        outcome, committed = await self._runner.serve(self._signing, asking, signing)
        proof = self._receipts.issue(committed.line, self._house.keyring.active[RECEIPT].signer)
        as_json = enveloped or _ENVELOPE in (request.joined(b"accept") or "")
        return _signed(signing, outcome, proof, as_json=as_json)

    def _bearer(self, request: Request) -> str | None:
        try:
            return request.bearer()
        except UndersignError as error:
            self._runner.refused(error, request.address)
            raise

    async def _read(self, request: Request, asking: Asking, call: Call) -> tuple[Document, bool]:
        """The document, which only who was identified may send, and whether it came in an envelope."""
        try:
            document, enveloped = await _document(request, self._seconds)
            digest = request.joined(b"content-digest")
            if digest is not None:
                check_digest(document, digest)
        except UndersignError as error:
            await self._runner.record(self._signing, error, asking, call)
            raise
        return document, enveloped

    async def workers(self, request: Request) -> Reply:
        """The workers that list the token's issuer."""
        caller = await asyncio.to_thread(self._house.admit, request.bearer())
        out = await asyncio.to_thread(self._house.disabled, "worker")
        known = [each for each in self._signing.workers.values() if each.name not in out]
        return json_answer(WorkerList([self._describe(each) for each in known if caller.issuer in each.issuers]))

    async def worker(self, request: Request) -> Reply:
        """One worker; to others than its callers it does not exist."""
        workers = self._signing.workers
        worker = workers[request.parameters["worker"]]
        if worker.issuers:
            caller = await asyncio.to_thread(self._house.admit, request.bearer())
            worker = workers[worker.name if caller.issuer in worker.issuers else ""]
        if worker.name in await asyncio.to_thread(self._house.disabled, "worker"):
            raise AccessError(f"The worker {quoted(worker.name)} is disabled.")
        return json_answer(self._describe(worker))

    async def worker_jwks(self, request: Request) -> Reply:
        """The public keys of one worker."""
        return await self._keys(self._signing.workers[request.parameters["worker"]].key)

    async def receipt_jwks(self, request: Request) -> Reply:  # noqa: ARG002 - an endpoint's argument
        """The public keys that receipts verify with."""
        return await self._keys(RECEIPT)

    async def _keys(self, name: str) -> Reply:
        keys = await asyncio.to_thread(self._house.keyring.published, name)
        return Reply(200, dump_json(keys.to_jwks()), b"application/jwk-set+json", _CACHE)

    def _describe(self, worker: Worker) -> WorkerDescription:
        key, base = self._house.keyring.active[worker.key], f"{self._house.url}/v1/workers/{worker.name}"
        return WorkerDescription(
            name=worker.name,
            format=worker.format,
            type=worker.type,
            bind=worker.bind,
            detached_from=worker.detached_from,
            key=KeyDescription(key.ref.kid, key.alg, key.ref.version),
            sign=f"{base}/sign",
            jwks=f"{base}/jwks.json",
        )


async def _document(request: Request, seconds: float) -> tuple[Document, bool]:
    media_type = request.field(b"content-type") or "application/octet-stream"
    if len(media_type) > _MAX_MEDIA_TYPE:
        raise RequestError(f"The media type is longer than {_MAX_MEDIA_TYPE} characters.")
    if _is_envelope(media_type):
        return from_envelope(await request.body(_MAX_ENVELOPE, seconds=seconds)), True
    detached = _detached(request.query)
    return Document(await request.body(DEFAULT.payload, seconds=seconds), media_type, detached), False


def _is_envelope(media_type: str) -> bool:
    return media_type.partition(";")[0].strip().lower() == _ENVELOPE


def _detached(query: str) -> bool | None:
    if not query:
        return None
    pairs = parse_qsl(query, keep_blank_values=True)
    if len(pairs) != 1 or pairs[0] not in {("detached", "true"), ("detached", "false")}:
        raise RequestError("The query takes detached=true or detached=false, once.")
    return pairs[0][1] == "true"


def _signed(signing: SigningRequest, outcome: Outcome, proof: str, *, as_json: bool) -> Reply:
    made, key = outcome.made, outcome.key
    named = (b"undersign-request-id", signing.request_id.encode())
    if not as_json:
        headers = (named, _NO_STORE, (b"undersign-receipt", proof.encode()))
        return Reply(200, made.octets, made.media_type.encode(), headers)
    answer = SignAnswer(
        result=made.octets.decode("ascii"),
        format=outcome.worker.format,
        media_type=made.media_type,
        detached=made.detached,
        key=KeyDescription(key.ref.kid, key.alg, key.ref.version),
        request_id=signing.request_id,
        receipt=proof,
    )
    return json_answer(answer, headers=(named, _NO_STORE))


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
