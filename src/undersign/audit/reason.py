"""The real reason of a refusal, for the log; what the caller is told may say less."""

from __future__ import annotations

from undersign.errors import ClaimError, OAuthError, UnauthenticatedError, UndersignError

__all__ = ["reason_of"]


def reason_of(error: UndersignError) -> str:
    """The code of the innermost cause behind an answer that tells little, and the claim where one is to blame."""
    while isinstance(error, (OAuthError, UnauthenticatedError)) and isinstance(error.__cause__, UndersignError):
        error = error.__cause__
    return f"{error.code}:{error.claim}" if isinstance(error, ClaimError) else error.code
