"""Why a token is refused (RFC 7515 section 5.2, RFC 7519 section 7.2)."""

from __future__ import annotations

from typing import ClassVar

from .root import UndersignError


class TokenError(UndersignError):
    """The token was refused."""

    code = "invalid_token"
    advice = "Ask the sender for a new token."


class MalformedTokenError(TokenError):
    """The bytes do not spell a JOSE object (RFC 7515 section 7)."""

    code = "malformed_token"
    advice = "Pass the token exactly as it was received, without a scheme word, quotes or white space around it."


class InvalidBase64Error(MalformedTokenError):
    """A segment is not canonical base64url without padding (RFC 7515 section 2)."""

    code = "invalid_base64"
    advice = (
        "Segments use A-Z a-z 0-9 - _ without '=' and with zero spare bits; the token may have been altered on its way."
    )


class InvalidJSONError(MalformedTokenError):
    """A segment is not the JSON, in UTF-8, that the standard asks for."""

    code = "invalid_json"
    advice = "The sender must write one JSON value in UTF-8 without NaN, Infinity or lone surrogates."


class DuplicateNameError(InvalidJSONError):
    """A JSON object names a member twice, so two readers could see two values (RFC 7515 section 4)."""

    code = "duplicate_name"
    advice = "The sender must write each name once."


class InvalidHeaderError(TokenError):
    """A header parameter is missing, of the wrong type, in the wrong place or contradictory."""

    code = "invalid_header"
    advice = "The sender must write the header as RFC 7515 section 4 says."


class UnsupportedCriticalError(InvalidHeaderError):
    """The header's ``crit`` names an extension that this verifier was not told about (RFC 7515 section 4.1.11)."""

    code = "unsupported_crit"
    advice = "If your code processes that extension, name it in understood=(...)."


class AlgorithmNotAllowedError(TokenError):
    """The token's ``alg`` is not the algorithm of any key that this verifier was given."""

    code = "algorithm_not_allowed"
    advice = "The keys decide: give a key for that algorithm, or name it in algorithms=[...] for a key that names none."


class InvalidSignatureError(TokenError):
    """The signature does not verify under the key."""

    code = "invalid_signature"
    advice = "Either the token was altered or another key made it."


class UnmetPolicyError(TokenError):
    """The signatures present do not satisfy the named policy.

    Attributes:
        signatures: The verdict on each signature, in the order of the token.
    """

    code = "unmet_policy"
    advice = "See .signatures for the verdict on each signature."

    def __init__(self, message: str, *, signatures: tuple[object, ...] = (), help: str | None = None) -> None:
        self.signatures = signatures
        super().__init__(message, help=help)


class ReplayedError(TokenError):
    """A one-time thing was used before."""

    code = "replayed"
    advice = "Ask for a new one: each works once."


class ClaimError(TokenError):
    """A claim does not meet the expectation.

    Attributes:
        claim: The claim's name, or the header parameter's for ``typ``.
        reason: One word: missing, incorrect, type, expired, early or old.
    """

    code = "invalid_claim"
    reason: ClassVar[str] = "incorrect"
    advice = "Ask the issuer for a token that carries what this recipient expects."

    def __init__(self, claim: str, message: str, *, help: str | None = None) -> None:
        self.claim = claim
        super().__init__(message, help=help)


class ClaimTypeError(ClaimError):
    """A registered claim has a value of the wrong JSON type (RFC 7519 section 4.1)."""

    code = "claim_type"
    reason = "type"
    advice = "The issuer must write the claim in the type that RFC 7519 section 4.1 gives it."


class MissingClaimError(ClaimError):
    """A claim that is expected is not there."""

    code = "missing_claim"
    reason = "missing"
    advice = 'Ask the issuer to add it, or waive it by name where that is safe: waive=("...",).'


class IncorrectClaimError(ClaimError):
    """A claim is there, with another value than the one expected."""

    code = "incorrect_claim"
    reason = "incorrect"
    advice = "The token is meant for somebody else, or the expectation is wrong."


class IncorrectTypeError(IncorrectClaimError):
    """The header's ``typ`` is not the kind of token expected (RFC 8725 section 3.11)."""

    code = "incorrect_typ"
    advice = "If another kind of token is meant, name it with typ=...; a token of one kind must not pass for another."


class ExpiredTokenError(IncorrectClaimError):
    """The token is past its ``exp`` (RFC 7519 section 4.1.4)."""

    code = "expired"
    reason = "expired"
    advice = "Ask for a new token; if the clocks differ a little, allow some leeway."


class NotYetValidError(IncorrectClaimError):
    """The token's ``nbf`` or ``iat`` lies in the future (RFC 7519 section 4.1.5)."""

    code = "not_yet_valid"
    reason = "early"
    advice = "Compare the clocks; if they differ a little, allow some leeway."


class TooOldError(IncorrectClaimError):
    """The token was issued longer ago than ``max_age`` allows."""

    code = "too_old"
    reason = "old"
    advice = "Ask for a fresh token."
