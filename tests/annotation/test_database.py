"""Databases of before are brought up to date, and what cannot be opened is said."""

from __future__ import annotations

import sqlite3
from pathlib import Path

import pytest
import sqlalchemy as sa
from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from reef import ANNA

from imagine_kernels.annotation import AnnotationStore, Correction, Projects, database
from imagine_kernels.annotation.database import SCHEMA_VERSION, Database
from imagine_kernels.annotation.schema import metadata
from imagine_kernels.errors import DataError
from imagine_kernels.records import Medium

#: As the first release made them.
OF_BEFORE = """
CREATE TABLE sessions (id VARCHAR NOT NULL, use_case VARCHAR NOT NULL, name VARCHAR NOT NULL, source VARCHAR NOT NULL,
    fingerprint VARCHAR NOT NULL, model_hash VARCHAR NOT NULL, author VARCHAR NOT NULL, created VARCHAR NOT NULL, PRIMARY KEY (id));
CREATE TABLE corrections (session VARCHAR NOT NULL, sequence INTEGER NOT NULL, object_ids TEXT NOT NULL, label VARCHAR, status VARCHAR,
    undoes INTEGER, author VARCHAR NOT NULL, time VARCHAR NOT NULL, PRIMARY KEY (session, sequence),
    FOREIGN KEY(session) REFERENCES sessions (id));
INSERT INTO sessions VALUES ('s1', 'zooscan', 'st01', '/data/st01', 'f', 'm', 'anna', '2026-01-01T00:00:00.000+00:00');
INSERT INTO corrections VALUES ('s1', 1, '["a"]', 'Copepoda', 'validated', NULL, 'anna', '2026-01-02T00:00:00.000+00:00');
"""


def test_a_database_of_before_is_brought_up_to_date_and_kept_beside(tmp_path: Path) -> None:
    path = tmp_path / "annotations.db"
    with sqlite3.connect(path) as connection:
        connection.executescript(OF_BEFORE)
    connection.close()
    expected = [
        Correction(
            sequence=1,
            object_ids=("a",),
            label="Copepoda",
            status="validated",
            author="anna",
            time="2026-01-02T00:00:00.000+00:00",
        )
    ]
    store = AnnotationStore(path)
    assert store.corrections("s1") == expected
    store.append("s1", object_ids=["b"], label="Copepoda", after=1)
    Projects(path).create("Reef", by=ANNA)
    copy = tmp_path / f"annotations-before-{SCHEMA_VERSION}.db"
    with sqlite3.connect(copy) as connection:
        assert connection.execute("SELECT count(*) FROM corrections").fetchone() == (1,)
        assert not connection.execute("SELECT name FROM sqlite_master WHERE name = 'alembic_version'").fetchall()
    connection.close()
    assert sorted(file.name for file in tmp_path.glob("*.db*") if not file.name.endswith(("-wal", "-shm"))) == [
        f"annotations-before-{SCHEMA_VERSION}.db",
        "annotations.db",
    ]


def test_projects_of_before_are_brought_up_to_date(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "annotations.db"
    upgrade = command.upgrade
    with monkeypatch.context() as patched:
        patched.setattr(command, "upgrade", lambda config, _: upgrade(config, "0002"))
        old = Database(path)
    with old.reading() as connection:
        assert not sa.inspect(connection).has_table("assignments")
    old.close()
    project = Projects(path).create("Reef", by=ANNA)
    project.add_media([Medium(name="a.jpg")])
    project.assign("a.jpg", to="ben")
    assert project.medium("a.jpg").assigned_to == ("ben",)
    assert (tmp_path / f"annotations-before-{SCHEMA_VERSION}.db").exists()


def test_a_new_database_leaves_no_copy(tmp_path: Path) -> None:
    Projects(tmp_path / "annotations.db").close()
    assert not list(tmp_path.glob("*before*"))


def test_the_steps_lead_to_the_tables_of_today(where: str) -> None:
    opened = Database(where)
    with opened.reading() as connection:
        context = MigrationContext.configure(connection, opts={"compare_type": True})
        assert compare_metadata(context, metadata) == []
    steps = ScriptDirectory(str(Path(database.__file__).parent / "migrations"))
    assert steps.get_current_head() == SCHEMA_VERSION
    opened.close()


def test_a_database_of_a_newer_version_is_left_alone(where: str) -> None:
    opened = Database(where)
    with opened.writing() as connection:
        connection.execute(sa.text("UPDATE alembic_version SET version_num = '9999'"))
    opened.close()
    with pytest.raises(DataError, match=r"was written by a newer version of this library \(9999\): upgrade the library"):
        Database(where)


@pytest.mark.parametrize(
    ("given", "said"),
    [
        (
            "postgresql://anna:secret@127.0.0.1:1/none",
            r"The annotations in postgresql\+pg8000://anna:\*\*\*@127\.0\.0\.1:1/none cannot be read or written .*check that it runs",
        ),
        ("mysql://anna:secret@host/x", "Annotations cannot be kept at mysql://…: give a file, or a postgresql:// URL"),
    ],
)
def test_what_cannot_be_opened_is_said_without_the_password(given: str, said: str) -> None:
    with pytest.raises(DataError, match=said) as caught:
        Database(given)
    assert "secret" not in str(caught.value)


def test_the_environment_names_the_database(where: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("IMAGINE_ANNOTATIONS", where)
    Projects().create("Reef", by=ANNA)
    assert [summary.name for summary in Projects(where).of(ANNA)] == ["Reef"]
