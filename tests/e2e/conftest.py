"""Both engines: what stands under [storage] for a SQLite in the test's folder, and for a PostgreSQL of the session."""

import pytest


@pytest.fixture
def postgres_storage(request, tmp_path):
    """An empty database in PostgreSQL; skipped by name while there is no engine for it."""
    return request.getfixturevalue("postgres_database").storage(tmp_path)


@pytest.fixture(params=["sqlite", "postgresql"])
def storage(request):
    """Each engine in turn."""
    return request.getfixturevalue("postgres_storage") if request.param == "postgresql" else SQLITE


SQLITE = 'url = "sqlite:var/undersign.db"\n'
