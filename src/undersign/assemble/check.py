"""What is unsafe in a configuration, with what only the room of its database can say; what a start asks as well."""

from __future__ import annotations

from undersign.errors import NotInstalledError, SettingsError
from undersign.settings import Problem, Settings
from undersign.settings import check as check_settings
from undersign.storage.engines import engine_of

__all__ = ["check", "check_safe", "storage_url"]


def check(settings: Settings, *, host: str | None = None) -> tuple[Problem, ...]:
    """List what is unsafe, contradictory or not built; an empty answer means that it may be served.

    What the file cannot say, such as whether the database opens and fits its keys, only a start shows.

    Args:
        settings: What the file says.
        host: The address to listen on, where the command line names another than the file.
    """
    return (*check_settings(settings, host=host), *_storage(settings))


def check_safe(settings: Settings) -> None:
    """Refuse what ``check`` has a problem with.

    Raises:
        NotInstalledError: All that is wrong is that the database's driver is not installed.
        SettingsError: There is one; ``problems`` lists all.
    """
    lines = tuple(map(str, check(settings)))
    refused = _refused(settings)
    if len(lines) == 1 and isinstance(refused, NotInstalledError):
        raise refused
    if lines:
        raise SettingsError(f"The configuration is not safe to serve: {lines[0]}", problems=lines)


def storage_url(settings: Settings) -> str:
    """Where the database is; a path is seen from the folder of the configuration file."""
    scheme, _, name = settings.storage.url.partition(":")
    return settings.storage.url if name.startswith("//") else f"{scheme}:{settings.folder / name}"


def _storage(settings: Settings) -> tuple[Problem, ...]:
    error = _refused(settings)
    return (Problem("storage.url", error.message, error.help),) if error else ()


def _refused(settings: Settings) -> SettingsError | None:
    try:
        engine_of(storage_url(settings))
    except SettingsError as error:
        return error
    return None
