"""Every error of undersign: one class per failure, each with a stable ``code``.

The tree is drawn here and a test holds it against the classes. A message says what was wrong, then what would
help; it never holds key material, a whole token, or unescaped text that came from outside.

UndersignError                          undersign
    LimitError                          limit_exceeded
    TokenError                          invalid_token
        MalformedTokenError             malformed_token
            InvalidBase64Error          invalid_base64
            InvalidJSONError            invalid_json
                DuplicateNameError      duplicate_name
        InvalidHeaderError              invalid_header
            UnsupportedCriticalError    unsupported_crit
        AlgorithmNotAllowedError        algorithm_not_allowed
        InvalidSignatureError           invalid_signature
        UnmetPolicyError                unmet_policy
        ReplayedError                   replayed
        ClaimError                      invalid_claim
            ClaimTypeError              claim_type
            MissingClaimError           missing_claim
            IncorrectClaimError         incorrect_claim
                IncorrectTypeError      incorrect_typ
                ExpiredTokenError       expired
                NotYetValidError        not_yet_valid
                TooOldError             too_old
    KeyMaterialError                    invalid_key
        WeakKeyError                    weak_key
        UnusableKeyError                unusable_key
            KeyUseError                 key_use
        PrivateKeyGivenError            private_key_given
        KeyPasswordError                key_password
        KeySelectionError               no_key
            UnknownKeyError             unknown_key
            AmbiguousKeyError           ambiguous_key
    PolicyError                         invalid_policy
    ReplayStoreError                    replay_store
    FetchError                          fetch_failed
    SettingsError                       invalid_settings
    StorageError                        storage_unavailable
    ChainError                          broken_chain
    RequestError                        bad_request
        RequestTooLargeError            request_too_large
        MediaTypeError                  unsupported_media_type
        ConflictError                   conflict
    AccessError                         access_denied
        UnauthenticatedError            unauthenticated
        RuleDeniedError                 rule_denied
        UnknownWorkerError              unknown_worker
    OAuthError                          oauth_error
        InvalidRequestError             invalid_request
        InvalidClientError              invalid_client
        InvalidGrantError               invalid_grant
        UnauthorizedClientError         unauthorized_client
        UnsupportedGrantTypeError       unsupported_grant_type
        InvalidScopeError               invalid_scope
        InvalidTargetError              invalid_target
"""

from __future__ import annotations

from typing import ClassVar

__all__ = [
    "AccessError",
    "AlgorithmNotAllowedError",
    "AmbiguousKeyError",
    "ChainError",
    "ClaimError",
    "ClaimTypeError",
    "ConflictError",
    "DuplicateNameError",
    "ExpiredTokenError",
    "FetchError",
    "IncorrectClaimError",
    "IncorrectTypeError",
    "InvalidBase64Error",
    "InvalidClientError",
    "InvalidGrantError",
    "InvalidHeaderError",
    "InvalidJSONError",
    "InvalidRequestError",
    "InvalidScopeError",
    "InvalidSignatureError",
    "InvalidTargetError",
    "KeyMaterialError",
    "KeyPasswordError",
    "KeySelectionError",
    "KeyUseError",
    "LimitError",
    "MalformedTokenError",
    "MediaTypeError",
    "MissingClaimError",
    "NotYetValidError",
    "OAuthError",
    "PolicyError",
    "PrivateKeyGivenError",
    "ReplayStoreError",
    "ReplayedError",
    "RequestError",
    "RequestTooLargeError",
    "RuleDeniedError",
    "SettingsError",
    "StorageError",
    "TokenError",
    "TooOldError",
    "UnauthenticatedError",
    "UnauthorizedClientError",
    "UndersignError",
    "UnknownKeyError",
    "UnknownWorkerError",
    "UnmetPolicyError",
    "UnsupportedCriticalError",
    "UnsupportedGrantTypeError",
    "UnusableKeyError",
    "WeakKeyError",
    "quoted",
]

_QUOTED_LENGTH = 60


def quoted(text: object) -> str:
    """Show text from outside in a message: ASCII only, escaped, quoted, at most 60 characters of it.

    >>> quoted("alg\\x1b[31m")
    "'alg\\\\x1b[31m'"
    """
    if not isinstance(text, str):
        text = type(text).__name__ if isinstance(text, (bytes, dict, list, tuple, set)) else str(text)[:200]
    shown = ascii(text[:_QUOTED_LENGTH])
    return shown if len(text) <= _QUOTED_LENGTH else shown + "..."


class UndersignError(Exception):
    """The base of every failure that undersign reports.

    Args:
        message: What was wrong, one sentence.
        help: What would help, one sentence; the class's own advice unless given.

    Attributes:
        code: The stable name of the failure, for programs.
        help: What would help, for people.
    """

    code: ClassVar[str] = "undersign"
    advice: ClassVar[str] = "See the reference of error codes in docs/reference/errors.md."

    def __init__(self, message: str, *, help: str | None = None) -> None:  # noqa: A002 - the word users look for
        self.message = message
        self.help = self.advice if help is None else help
        super().__init__(f"{message} {self.help}".strip())


class LimitError(UndersignError):
    """The input is larger, deeper or holds more than the Limits in force allow."""

    code = "limit_exceeded"
    advice = "If this input is expected, pass a Limits object with a larger value for the limit named here."


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
    advice = "Segments use A-Z a-z 0-9 - _ without '=' and with zero spare bits; the token may have been altered on its way."


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

    def __init__(self, message: str, *, signatures: tuple[object, ...] = (), help: str | None = None) -> None:  # noqa: A002
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

    def __init__(self, claim: str, message: str, *, help: str | None = None) -> None:  # noqa: A002
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


class KeyMaterialError(UndersignError):
    """The key is not sound, or not one that can serve here."""

    code = "invalid_key"
    advice = "Check where the key comes from; `undersign jwk inspect` shows what it is."


class WeakKeyError(KeyMaterialError):
    """The key is too small for its algorithm (RFC 7518 sections 3.2 and 3.3)."""

    code = "weak_key"
    advice = "Make a new one: `undersign jwk generate ALG`, or jwk.generate(ALG)."


class UnusableKeyError(KeyMaterialError):
    """The key is sound but cannot do what was asked of it."""

    code = "unusable_key"
    advice = "Load it with the algorithm it is for: jwk.load(source, alg=...)."


class KeyUseError(UnusableKeyError):
    """The key's own ``use`` or ``key_ops`` forbid the operation (RFC 7517 sections 4.2 and 4.3)."""

    code = "key_use"
    advice = "Use a key that was published for this operation."


class PrivateKeyGivenError(KeyMaterialError):
    """A private key arrived where a public one belongs."""

    code = "private_key_given"
    advice = "Pass key.public(). If this key came from somebody else, tell them that it is no longer secret."


class KeyPasswordError(KeyMaterialError):
    """The password of an encrypted key is missing, superfluous or wrong."""

    code = "key_password"
    advice = "Pass the password the key was encrypted with: jwk.load(source, password=b'...')."


class KeySelectionError(KeyMaterialError):
    """No single key can be chosen for this token."""

    code = "no_key"
    advice = "Compare the token's kid with the kids of the key set."


class UnknownKeyError(KeySelectionError):
    """The key set has no key of the token's kid and algorithm.

    Attributes:
        source: The key source that was asked; one that can refresh may know the key after a refresh.
    """

    code = "unknown_key"
    advice = "If keys were just rotated, refresh the key set and try again."

    def __init__(self, message: str, *, source: object = None, help: str | None = None) -> None:  # noqa: A002
        self.source = source
        super().__init__(message, help=help)


class AmbiguousKeyError(KeySelectionError):
    """Several keys fit the token and nothing in its header tells which."""

    code = "ambiguous_key"
    advice = "Give each key a kid of its own and have the signer name it in the header."


class PolicyError(UndersignError):
    """A Verifier, Signer, Key or policy was asked for in a way that is contradictory or unsafe."""

    code = "invalid_policy"
    advice = "Correct the call."


class ReplayStoreError(UndersignError):
    """The store of one-time things is full or cannot be reached, so nothing is accepted."""

    code = "replay_store"
    advice = "Try again later; nothing was used up."


class FetchError(UndersignError):
    """A document could not be fetched within the guards of safety rule 6."""

    code = "fetch_failed"
    advice = "Check the address, its certificate and the [fetch] settings."


class SettingsError(UndersignError):
    """The configuration file is not usable or not safe.

    Attributes:
        problems: One line for each thing that is wrong, in the order found.
    """

    code = "invalid_settings"
    advice = "Run `undersign check FILE` after correcting it."

    def __init__(self, message: str, *, problems: tuple[str, ...] = (), help: str | None = None) -> None:  # noqa: A002
        self.problems = problems
        super().__init__(message, help=help)


class StorageError(UndersignError):
    """The database could not take a write, so nothing was released."""

    code = "storage_unavailable"
    advice = "Try again later; the answer, if any was made, was dropped."


class ChainError(UndersignError):
    """The audit chain does not hold together.

    Attributes:
        seq: The number of the first record that does not fit, where known.
    """

    code = "broken_chain"
    advice = "Keep the file as it is: it is evidence."

    def __init__(self, message: str, *, seq: int | None = None, help: str | None = None) -> None:  # noqa: A002
        self.seq = seq
        super().__init__(message, help=help)


class RequestError(UndersignError):
    """A request to one of our servers cannot be understood."""

    code = "bad_request"
    advice = "See /openapi.json for what this address takes."


class RequestTooLargeError(RequestError):
    """The request's body is larger than this address takes."""

    code = "request_too_large"
    advice = "Send a digest, or a smaller document."


class MediaTypeError(RequestError):
    """The request's media type is not one that this address takes."""

    code = "unsupported_media_type"


class ConflictError(RequestError):
    """The request contradicts an earlier one."""

    code = "conflict"
    advice = "Use a new identifier for a new request."


class AccessError(UndersignError):
    """The caller may not do this."""

    code = "access_denied"
    advice = "Ask the operator of this server."


class UnauthenticatedError(AccessError):
    """There is no token, or none that this server accepts (RFC 6750 section 3)."""

    code = "unauthenticated"
    advice = "Send a token of a configured issuer in the Authorization header."


class RuleDeniedError(AccessError):
    """The token is good, and its claims do not satisfy any rule of the worker.

    Attributes:
        failed: The text of each leaf that did not hold, by rule.
    """

    code = "rule_denied"
    advice = "Ask for a token with the claims that the rule names."

    def __init__(self, message: str, *, failed: tuple[tuple[str, tuple[str, ...]], ...] = (), help: str | None = None) -> None:  # noqa: A002
        self.failed = failed
        super().__init__(message, help=help)


class UnknownWorkerError(AccessError):
    """There is no such worker, or none that lists the token's issuer."""

    code = "unknown_worker"
    advice = "GET /v1/workers lists the ones that your token may see."


class OAuthError(UndersignError):
    """An answer of the authorization server in the form of RFC 6749 section 5.2; ``code`` is its ``error``."""

    code = "oauth_error"
    advice = ""


class InvalidRequestError(OAuthError):
    """A parameter is missing, repeated or malformed."""

    code = "invalid_request"


class InvalidClientError(OAuthError):
    """The client could not be authenticated."""

    code = "invalid_client"


class InvalidGrantError(OAuthError):
    """The grant is not valid, or not for this client."""

    code = "invalid_grant"


class UnauthorizedClientError(OAuthError):
    """The client may not use this grant."""

    code = "unauthorized_client"


class UnsupportedGrantTypeError(OAuthError):
    """The server does not know this grant."""

    code = "unsupported_grant_type"


class InvalidScopeError(OAuthError):
    """The scope is malformed, unknown or more than the client may have."""

    code = "invalid_scope"


class InvalidTargetError(OAuthError):
    """The resource is unknown or not one the client may have tokens for (RFC 8707 section 2)."""

    code = "invalid_target"
