"""What our servers report: requests, access, OAuth (RFC 6749 section 5.2), storage, audit."""

from __future__ import annotations

from .root import UndersignError


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

    def __init__(self, message: str, *, problems: tuple[str, ...] = (), help: str | None = None) -> None:
        self.problems = problems
        super().__init__(message, help=help)


class NotInstalledError(SettingsError):
    """The configuration asks for a package that this installation lacks."""

    code = "not_installed"
    advice = "Install it; `pip install 'undersign[NAME]'` says which packages go together."


class StorageError(UndersignError):
    """The database could not take a write, so nothing was released."""

    code = "storage_unavailable"
    advice = "Try again later; the answer, if any was made, was dropped."


class ClockBehindError(StorageError):
    """This machine's clock is behind the highest time that the database has seen, so nothing can be used up."""

    code = "clock_behind"
    advice = "Correct the clock; if it is right, `undersign storage clock FILE` says what taking the time back costs."


class ChainError(UndersignError):
    """The audit chain does not hold together.

    Attributes:
        seq: The number of the first record that does not fit, where known.
    """

    code = "broken_chain"
    advice = "Keep the file as it is: it is evidence."

    def __init__(self, message: str, *, seq: int | None = None, help: str | None = None) -> None:
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


class RequestTimeoutError(RequestError):
    """The request's body did not arrive in the time that this server waits for one."""

    code = "request_timeout"
    advice = "Send it again, faster."


class MediaTypeError(RequestError):
    """The request's media type is not one that this address takes."""

    code = "unsupported_media_type"


class ConflictError(RequestError):
    """The request contradicts an earlier one."""

    code = "conflict"
    advice = "Use a new identifier for a new request."


class DigestMismatchError(RequestError):
    """The body is not the one that the request's own digest names (RFC 9530)."""

    code = "digest_mismatch"
    advice = "It was changed on its way, or the digest is another body's; send both again."


class LinesClosedError(RequestError):
    """The lines of the log that were asked for were exported, and are no longer in the database."""

    code = "lines_closed"
    advice = "They are in the files that `undersign audit close` wrote; ask for what follows them."


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

    def __init__(
        self,
        message: str,
        *,
        failed: tuple[tuple[str, tuple[str, ...]], ...] = (),
        help: str | None = None,
    ) -> None:
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


class SlowDownError(OAuthError):
    """Too many requests from this address were refused; the word is that of RFC 8628 section 3.5.

    Attributes:
        retry_after: In how many seconds the next one is looked at.
    """

    code = "slow_down"

    def __init__(self, message: str, *, retry_after: int = 1, help: str | None = None) -> None:
        self.retry_after = retry_after
        super().__init__(message, help=help)
