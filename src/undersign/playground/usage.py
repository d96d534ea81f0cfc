"""What is served, one row each: the usage message and the page are written from these rows (seed 003, section 3)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

__all__ = ["COMMANDS", "Command", "usage"]


@dataclass(frozen=True, slots=True)
class Command:
    """One command of the usage message.

    Attributes:
        path: The address.
        text: What it does, in the tutorial's words.
        post: Whether it is a POST.
        arguments: What is written behind the address; ``?jwt=<jwt>`` belongs to it.
        example: A JSON body to try it with, or a query's value.
        note: What the page adds.
    """

    path: str
    text: str
    post: bool = False
    arguments: str = ""
    example: str = ""
    note: str = ""

    @property
    def method(self) -> str:
        """The HTTP method."""
        return "POST" if self.post else "GET"


_CLAIMS: Final = " claim-1=value-1 ... [claim-n=value-n]"
_TOKEN: Final = "?jwt=<jwt>"  # noqa: S105 - a place for one
_SECRETS: Final = " \n    HS256=base64-encoded-value HS384=base64-encoded-value HS512=base64-encoded-value"
_PRINTED: Final = """\
{
  "HS256": "Yn2kjibddFAWtnPJ2AFlL8WXmohJMCvigQggaEypa5E=",
  "HS384": "VW96zL+tYlrJLNCQ0j6QPTp+d1q75n/Wa8LVvpWyG8pPZOP6AA5X7XOIlI90sDwx",
  "HS512": "cd+Pr1js+w2qfT2BoCD+tPcYp9LbjpmhSMEJqUob1mcxZ7+Wmik4AYdjX+DlDjmE4yporzQ9tm7v3z/j+QbdYg=="
}"""

COMMANDS: Final = (
    Command("/", "This usage message", note="As text for curl and httpie; a browser gets this page."),
    Command("/static-builder", "build JWT from hardcoded claims"),
    Command(
        "/dynamic-builder-general",
        "build JWT from passed in claims (using general claims map)",
        post=True,
        arguments=_CLAIMS,
        example='{"iss": "Stormpath", "sub": "msilverman", "hasMotorcycle": true}',
        note="Unlike JJWT's map, ours refuses a registered claim of the wrong type here too.",
    ),
    Command(
        "/dynamic-builder-specific",
        "build JWT from passed in claims (using specific claims methods)",
        post=True,
        arguments=_CLAIMS,
        example='{"iss": "Stormpath", "sub": 5, "hasMotorcycle": true}',
        note="The number as a subject is the tutorial's mistake: the answer says which claim is wrong, and why.",
    ),
    Command(
        "/dynamic-builder-compress",
        "build DEFLATE compressed JWT from passed in claims",
        post=True,
        arguments=_CLAIMS,
        example='{"iss": "Stormpath", "hasMotorcycle": true, "sub": "msilverman", "the": "quick", "brown": "fox"}',
        note="A habit of JJWT, in no standard: it is read only where a program names the quirk jjwt-calg.",
    ),
    Command(
        "/parser",
        "Parse passed in JWT",
        arguments=_TOKEN,
        note="The tutorial prints this answer with the member jws, and in two places with claims: add &shape=claims "
        "for that. To read a token made with a short secret, set it with /set-secrets?quirk=short-secret, then add "
        "&quirk=short-secret; &now=1466633317 judges it by that moment.",
    ),
    Command(
        "/parser-enforce",
        "Parse passed in JWT enforcing the 'iss' registered claim and the 'hasMotorcycle' custom claim",
        arguments=_TOKEN,
    ),
    Command("/get-secrets", "Show the signing keys currently in use."),
    Command(
        "/refresh-secrets",
        "Generate new signing keys and show them.",
        note="By GET as in the tutorial, and by POST, which is the right way; other sites can do neither for you.",
    ),
    Command(
        "/set-secrets",
        "Explicitly set secrets to use in the application.",
        post=True,
        arguments=_SECRETS,
        example=_PRINTED,
        note="These are the tutorial's. A secret shorter than its hash is refused with weak_key.",
    ),
)


def usage(url: str) -> str:
    """The usage message, with the address that was asked."""
    lines = ["Available commands (assumes httpie - https://github.com/jkbrzt/httpie):", ""]
    for command in COMMANDS:
        method = "POST " if command.post else ""
        lines += [f"  http {method}{url}{command.path}{command.arguments}", f"\t{command.text}", ""]
    return "\n".join(lines)
