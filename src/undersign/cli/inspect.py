"""``undersign inspect``: look at a token, decoded and not believed, then each check with its reason."""

from __future__ import annotations

import argparse
import json
from datetime import UTC, datetime
from typing import Any, Final

from ..encoding import b64url_encode
from ..inspector.explain import Explanation, Question, explain
from .source import escaped, keys_of, token_argument, token_of

__all__ = ["configure", "run"]

_MARKS: Final = {"passed": "ok  ", "failed": "NO  ", "skipped": "--  "}
_DATES: Final = ("exp", "nbf", "iat", "auth_time")
_SHOWN_PAYLOAD: Final = 200


def configure(parser: argparse.ArgumentParser) -> None:
    """Describe the command line."""
    token_argument(parser)
    parser.add_argument("--key", metavar="KEY", help="a file with the public key, a secret as a JWK, or a JWK Set")
    parser.add_argument(
        "--alg", action="append", help="an algorithm that is accepted, for keys that name none; may be repeated"
    )
    parser.add_argument("--issuer", help="the expected iss")
    parser.add_argument("--audience", help="the expected aud")
    parser.add_argument("--typ", help="the expected typ")
    parser.add_argument("--json", action="store_true", help="one JSON object")


def run(options: argparse.Namespace) -> int:
    """Carry it out; exit code 1 where a check failed."""
    question = Question(
        keys=keys_of(options.key) if options.key else None,
        algorithms=options.alg,
        issuer=options.issuer,
        audience=options.audience,
        typ=options.typ,
    )
    found = explain(token_of(options.token), question)
    print(_as_json(found) if options.json else _as_text(found, with_key=options.key is not None))
    return 1 if any(check.outcome == "failed" for check in found.checks) else 0


def _as_json(found: Explanation) -> str:
    facts: dict[str, Any] = {
        "kind": found.kind,
        "verified": found.verified,
        "header": dict(found.header),
        "claims": None if found.claims is None else dict(found.claims),
        "payload": b64url_encode(found.payload) if found.claims is None else None,
        "checks": [{"name": each.name, "outcome": each.outcome, "reason": each.reason} for each in found.checks],
    }
    return json.dumps(facts)


def _as_text(found: Explanation, *, with_key: bool) -> str:
    trust = "verified" if found.verified else "NOT VERIFIED: do not believe what it says"
    if not found.verified and any(each.name == "signature" and each.outcome == "passed" for each in found.checks):
        trust = "REFUSED: the signature holds, and not every check does"
    lines = [f"{found.kind}, {trust}", "", "header"]
    lines += _members(found.header)
    if found.claims is not None:
        lines += ["", "claims", *_members(found.claims)]
    elif found.payload:
        lines += ["", f"payload, {len(found.payload)} octets", f"  {_shown(found.payload)}"]
    lines += ["", "checks"]
    lines += [
        f"  {_MARKS[each.outcome]}{each.name}" + (f": {escaped(each.reason)}" if each.reason else "")
        for each in found.checks
    ]
    if not with_key and found.kind != "JWE":
        lines += ["", "Give --key FILE to check the signature, --issuer and --audience to compare those."]
    return "\n".join(lines)


def _members(members: Any) -> list[str]:
    return [f"  {escaped(name):14} {_value(name, value)}" for name, value in members.items()]


def _value(name: str, value: object) -> str:
    text = escaped(json.dumps(value, ensure_ascii=False))
    if name in _DATES and isinstance(value, (int, float)) and not isinstance(value, bool) and 0 <= value < 253402300800:  # noqa: PLR2004 - year 10000
        text += f"  ({datetime.fromtimestamp(value, tz=UTC):%Y-%m-%d %H:%M:%S} UTC)"
    return text


def _shown(payload: bytes) -> str:
    text = escaped(payload[:_SHOWN_PAYLOAD].decode("utf-8", "backslashreplace"))
    return text + (" ..." if len(payload) > _SHOWN_PAYLOAD else "")
