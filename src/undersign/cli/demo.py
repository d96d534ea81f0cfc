"""``undersign demo [FILE] [--once]``: the main job, walked over HTTP between four parties (seed 000).

The authorization server and the signing server are two processes with databases of their own, the backend is a third,
and this one plays the person, then a thief, then an auditor. With ``--once`` the exit code is 0 only if every step and
every refusal came out as it must.
"""

from __future__ import annotations

import argparse
import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from http import HTTPStatus
from pathlib import Path
from types import FrameType
from typing import Any, Final

from ..errors import UndersignError
from .story import files, log
from .story.files import Document, Plan
from .story.parties import Backend, Party
from .story.refusals import Refusal, Thief, check_after, play
from .story.telling import Teller
from .story.wire import UnreachableError, exchange

__all__ = ["configure", "run"]

_STAND_IN: Final = (
    "(2 to 7 in one: the person is stood in for by the backend's own client_credentials token. "
    "People, with several factors, come with a later release.)"
)
_DOCUMENTS: Final = 2


@dataclass(frozen=True, slots=True)
class Cast:
    """Who takes part, besides the person."""

    plan: Plan
    authorization: Party
    signing: Party
    backend: Backend
    root: str


def configure(parser: argparse.ArgumentParser) -> None:
    """Say what the command takes."""
    parser.add_argument(
        "file", type=Path, nargs="?", metavar="FILE", help="the document to sign (default: a bundled one)"
    )
    parser.add_argument("--once", action="store_true", help="stop after the walk; 0 only if all came out as it must")


def run(options: argparse.Namespace) -> int:
    """Tell the story."""
    teller = Teller()
    document = files.document(options.file) if options.file else files.agreement()
    stopped = threading.Event()
    with _until_told_to_stop(stopped), _cast(teller) as cast:
        if not stopped.is_set():
            _walk(cast, teller, document)
            _close(cast, teller)
        if not options.once and not stopped.is_set():
            teller.note(f"Sign another: curl {cast.plan.backend}/documents --data-binary @README.md")
            teller.note("Serving; Ctrl-C stops all four.")
            while not stopped.wait(1.0):
                pass
    return 1 if teller.failures else 0


def _walk(cast: Cast, teller: Teller, document: Document) -> None:
    try:
        signed = [_sign(cast, teller, document, first=True), _sign(cast, teller, files.archive())]
        _trusted(cast, teller)
        _log_verified(cast, teller)
        teller.title("What must be refused")
        refusals = play(cast.plan, teller, document)
        check_after(cast.plan, teller, files.archive(), signed[1])
        _reasons(cast, teller, refusals, [each["receipt"] for each in signed])
    except (UndersignError, UnreachableError) as error:
        teller.check("the walk", good=False, what=str(error))


@contextmanager
def _cast(teller: Teller) -> Iterator[Cast]:
    """Start everybody, and see that nobody stays behind."""
    plan = files.make()
    teller.title("undersign: a signed token decides, a signature comes out, a signed receipt proves it")
    teller.part("person", "this program: has documents, and wants them signed")
    teller.part("backend", f"{plan.backend}/  the application that the person uses")
    teller.part("authorization server", f"{plan.issuer}/  gives out tokens that say who may do what")
    teller.part("signing server", f"{plan.signing}/  signs what a token allows, and keeps a log")
    teller.note(f"The three servers are processes of their own; all they keep is in {plan.folder}.")
    authorization = Party.server("authorization server", plan.issuer, plan.authorization_file)
    signing = Party.server("signing server", plan.signing, plan.signing_file)
    backend = Backend(plan)
    try:
        _start(authorization, signing)
        root = log.root_of(plan.signing_file)
        plan.write_backend(root)
        _start(backend)
        teller.said("1", "operator", "signing server", f"trust {plan.issuer}, keys at its /jwks.json")
        teller.said("", "", "", "rule: scope has 'sign' and client_id == 'signing-backend'; one token, one signature")
        teller.said("", "operator", "backend", f"the log's root is {root}")
        yield Cast(plan, authorization, signing, backend, root)
    finally:
        for party in (backend, signing, authorization):
            party.stop()


def _start(*parties: Party) -> None:
    for party in parties:
        party.start()
    for party in parties:
        party.wait()


def _sign(cast: Cast, teller: Teller, document: Document, *, first: bool = False) -> dict[str, Any]:
    """Steps 2 to 11."""
    teller.title(f"A document is signed: {document.name}")
    size = f"{len(document.octets):,}".replace(",", " ")
    teller.said("2", "person", "backend", f"POST /documents  {document.media_type}, {size} octets")
    answer = exchange(
        "POST", f"{cast.plan.backend}/documents", body=document.octets, headers={"Content-Type": document.media_type}
    )
    for event in cast.backend.journal():
        teller.said(event["step"], event["from"], event["to"], event["what"])
        if event["step"] == "7" and first:
            teller.note(_STAND_IN)
    good = answer.status == HTTPStatus.OK
    found: dict[str, Any] = dict(answer.json())
    if good:
        form = "detached" if found["detached"] else "compact"
        teller.said("11", "backend", "person", f"200  the signed document ({form}) and the receipt")
    what = "the person has the document, its signature, and proof of who had it signed" if good else str(found)
    teller.check("signed, receipted, verified", good=good, what=what)
    if not good:
        raise UnreachableError("the backend could not have the document signed")
    _keep(cast.plan, document, found)
    return found


def _keep(plan: Plan, document: Document, found: dict[str, Any]) -> None:
    folder = plan.folder / "person"
    folder.mkdir(exist_ok=True)
    name = Path(document.name).name
    (folder / name).write_bytes(document.octets)
    (folder / f"{name}.jws").write_text(found["result"], encoding="ascii")
    (folder / f"{name}.receipt.jws").write_text(found["receipt"], encoding="ascii")


def _trusted(cast: Cast, teller: Teller) -> None:
    teller.title("Whom the signing server believes, and what it wrote down")
    fetched = cast.authorization.log_has('"method":"GET","path":"/jwks.json"')
    teller.check("keys over HTTP", good=fetched, what="signing server -> authorization server  GET /jwks.json")


def _log_verified(cast: Cast, teller: Teller) -> None:
    answer = exchange("GET", f"{cast.plan.backend}/log")
    for event in cast.backend.journal():
        teller.said("", event["from"], event["to"], event["what"])
    found = answer.json()
    good = answer.status == HTTPStatus.OK and found["witnessed"] > 0 and found["receipts"] == _DOCUMENTS
    what = f"{found}" if not good else f"complete up to line {found['witnessed']}, both receipts found in it"
    teller.check("the log, by root and head", good=good, what=what)


def _reasons(cast: Cast, teller: Teller, refusals: tuple[Refusal, ...], receipts: list[str]) -> None:
    """What the logs say of it, and that neither a restart nor the server itself can change that."""
    folder = cast.plan.folder / "auditor"
    folder.mkdir()
    teller.title("What the logs say of it")
    teller.note(
        "Who is unknown is counted, so that nobody can fill the log: one line for each reason and second here, "
        "for each reason and minute otherwise."
    )
    log.check_reasons(cast.plan, teller, refusals, folder)
    _replayed_after_restart(cast, teller)
    log.keep_head(cast.plan, folder)
    log.export(cast.plan.signing_file, folder / "signing.ndjson")
    log.verify_as_shell(teller, folder, cast.root, receipts)


def _replayed_after_restart(cast: Cast, teller: Teller) -> None:
    thief = Thief(cast.plan)
    replayed = thief.assertion()
    first = thief.ask("sign", assertion=replayed)
    cast.authorization.stop()
    _start(cast.authorization)
    again = thief.ask("sign", assertion=replayed)
    good = (first.status, again.status) == (HTTPStatus.OK, HTTPStatus.UNAUTHORIZED)
    what = f"{again.status}  the authorization server was restarted, and what was used stays used"
    teller.check("replayed after a restart", good=good, what=what)


def _close(cast: Cast, teller: Teller) -> None:
    teller.title("All came out as it must" if not teller.failures else f"Not as it must: {', '.join(teller.failures)}")
    for party in (cast.backend, cast.authorization, cast.signing):
        teller.part(party.name, f"{party.url}/")
    teller.part("signed documents", str(cast.plan.folder / "person"))
    teller.part("the log, exported", str(cast.plan.folder / "auditor"))


@contextmanager
def _until_told_to_stop(stopped: threading.Event) -> Iterator[None]:
    """Let SIGINT and SIGTERM end the story in good order."""

    def stop(_number: int, _frame: FrameType | None) -> None:
        stopped.set()
        raise KeyboardInterrupt

    kept = {number: signal.signal(number, stop) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield
    except KeyboardInterrupt:
        if not stopped.is_set():
            raise
    finally:
        for number, handler in kept.items():
            signal.signal(number, handler)
