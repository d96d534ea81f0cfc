"""What a person sees whose own form expired or was sent twice: their input again, with a fresh token.

Only a form of this session and action, sent by our own page, comes here (threats: whoever else sent it would have
the victim press the button). Passwords, codes and keys are never written into a page; they are asked for again.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from html import escape
from typing import Final, Literal, TypeAlias

__all__ = ["Page", "StaleForm", "is_secret", "stale_page"]

_SECRET: Final = re.compile(
    r"pass|pwd|pin|secret|token|otp|code|key|priv|assert|cred|auth|cvv|cvc|card|iban|seed|mnemonic|jwt|jws|signature",
    re.IGNORECASE,
)
_MAX_FIELDS: Final = 100

POLICY: Final = "default-src 'none'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"


@dataclass(frozen=True, slots=True)
class StaleForm:
    """A form that came too late or twice.

    Attributes:
        reason: Whether it had expired or was used before.
        url: Where it is sent, whole, on this origin.
        token_field: The name of the token's field.
        token: A fresh token.
        fields: The person's input, in order, without what is secret; None where it cannot be shown again.
        withheld: The names of the fields that were left out.
    """

    reason: Literal["expired", "used"]
    url: str
    token_field: str
    token: str
    fields: tuple[tuple[str, str], ...] | None
    withheld: tuple[str, ...] = ()


Page: TypeAlias = Callable[[StaleForm], str]
"""Writes the page; it must escape everything that it writes."""

_WORDS: Final = {
    "expired": ("This form expired", "It was open for too long, so nothing was done."),
    "used": (
        "This form was already sent",
        "It arrived before; the second sending did nothing. Look whether the first one did what you wanted.",
    ),
}


def stale_page(form: StaleForm) -> str:
    """Write the page that is shown unless the application writes its own."""
    title, text = _WORDS[form.reason]
    lines = [
        '<!doctype html><html lang="en"><head><meta charset="utf-8">',
        '<meta name="viewport" content="width=device-width, initial-scale=1">',
        f"<title>{title}</title></head><body><main><h1>{title}</h1><p>{text}</p>",
        *_form(form),
        "</main></body></html>",
    ]
    return "\n".join(lines)


def is_secret(name: str) -> bool:
    """Tell whether a field's name sounds like something that must not be written into a page."""
    return _SECRET.search(name) is not None


def _form(form: StaleForm) -> Iterator[str]:
    if form.fields is None or len(form.fields) > _MAX_FIELDS:
        yield "<p>What you filled in cannot be shown again here: go back, reload the page and send it once more.</p>"
        return
    yield f'<form method="post" action="{escape(form.url)}">'
    yield f'<input type="hidden" name="{escape(form.token_field)}" value="{escape(form.token)}">'
    for name, value in form.fields:
        yield f'<input type="hidden" name="{escape(name)}" value="{escape(value)}">'
        yield f"<p>{escape(name)}: {escape(value)}</p>"
    for name in form.withheld:
        yield f'<p><label>{escape(name)} <input type="password" name="{escape(name)}" autocomplete="off"></label></p>'
    yield "<button>Send it again</button></form>"
