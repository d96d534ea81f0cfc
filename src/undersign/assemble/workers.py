"""The workers of a signing server, each from its table."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from hashlib import sha256
from typing import Any

from undersign.access.rules import Rule
from undersign.encoding import dump_json
from undersign.settings import Settings
from undersign.settings import tables as configured
from undersign.signing import mapping
from undersign.signing.authorizers import Anyone, Authorizer, Rules
from undersign.signing.worker import Worker, Workers

__all__ = ["workers"]


def workers(settings: Settings, rules: Mapping[str, Rule]) -> Workers:
    """Every worker that is not disabled in the file."""
    return Workers({worker.name: _worker(worker, rules) for worker in settings.workers if not worker.disabled})


def _worker(worker: configured.Worker, rules: Mapping[str, Rule]) -> Worker:
    anyone: Authorizer = Anyone()
    return Worker(
        name=worker.name,
        format=worker.format,
        key=worker.key,
        authorizer=anyone
        if worker.anyone
        else Rules(frozenset(worker.issuers), tuple(rules[name] for name in worker.allow)),
        issuers=() if worker.anyone else worker.issuers,
        mapping=tuple(mapping.parse(entry.target, entry.source) for entry in worker.map),
        bind="none" if worker.anyone else worker.bind,
        type=worker.type,
        detached_from=worker.detached_from,
        configuration=sha256(dump_json(_plain(asdict(worker)))).hexdigest(),
    )


def _plain(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: _plain(member) for name, member in value.items()}
    return [_plain(member) for member in value] if isinstance(value, (list, tuple)) else value
