"""What the tests of the annotation store share: each runs on SQLite and on a real PostgreSQL."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "hub"))

from reef import ANNA, BEN

from imagine_kernels.annotation import Project, Projects
from imagine_kernels.annotation.database import SCHEMA_VERSION
from imagine_kernels.annotation.schema import metadata
from imagine_kernels.records import Medium


@pytest.fixture(scope="session")
def new_postgresql() -> Iterator[Callable[[], str]]:
    """The address of a database without a project; the server starts with the first."""
    import postgresql

    with ExitStack() as stack:
        running: list[Any] = []

        def new() -> str:
            if not running:
                running.append(stack.enter_context(postgresql.running()))
                Projects(running[0].url).close()
            # Much quicker than a database for each test.
            tables = ", ".join(metadata.tables)
            version = f"UPDATE alembic_version SET version_num = '{SCHEMA_VERSION}'"
            postgresql.query(running[0], f"TRUNCATE {tables} RESTART IDENTITY; {version}")
            return str(running[0].url)

        yield new


@pytest.fixture(params=["sqlite", "postgresql"])
def where(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """A new database."""
    if request.param == "sqlite":
        return str(tmp_path / "annotations.db")
    return str(request.getfixturevalue("new_postgresql")())


@pytest.fixture
def store(where: str) -> Iterator[Projects]:
    store = Projects(where)
    yield store
    store.close()


@pytest.fixture
def project(store: Projects) -> Project:
    """Of anna; ben may annotate through his group."""
    project = store.create("Reef", by=ANNA, use_case="litter", description="A dive.")
    project.add_media([Medium(name=f"dive/{n:04d}.jpg", sha256=f"{n:064x}", width=4000, height=3000) for n in range(1, 6)])
    project.give_role("group:lab", "annotate")
    return project


@pytest.fixture
def bens(store: Projects, project: Project) -> Project:
    return store.open("Reef", by=BEN)
