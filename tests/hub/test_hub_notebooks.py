"""Notebooks in a user's home: kept up to date, and nothing of the user's is lost."""

from __future__ import annotations

import stat
from pathlib import Path

import pytest
from imagine_hub.notebooks import RECORD, update


@pytest.fixture
def source(tmp_path: Path) -> Path:
    folder = tmp_path / "source" / "zooscan"
    folder.mkdir(parents=True)
    (folder / "identify.ipynb").write_text("app 1", encoding="utf-8")
    (folder / "explore-and-train.ipynb").write_text("work 1", encoding="utf-8")
    (folder / ".ipynb_checkpoints").mkdir()
    (folder / ".ipynb_checkpoints" / "identify-checkpoint.ipynb").write_text("old", encoding="utf-8")
    return tmp_path / "source"


@pytest.fixture
def home(tmp_path: Path) -> Path:
    return tmp_path / "home"


def files(home: Path) -> dict[str, str]:
    return {path.relative_to(home).as_posix(): path.read_text(encoding="utf-8") for path in home.rglob("*.ipynb")}


def test_the_first_time_everything_is_installed(source: Path, home: Path) -> None:
    assert update(source, home) == ["zooscan/explore-and-train.ipynb: installed", "zooscan/identify.ipynb: installed"]
    assert files(home) == {"zooscan/identify.ipynb": "app 1", "zooscan/explore-and-train.ipynb": "work 1"}
    assert stat.S_IMODE(home.stat().st_mode) == 0o700
    assert stat.S_IMODE((home / "zooscan" / "identify.ipynb").stat().st_mode) == 0o400
    assert stat.S_IMODE((home / "zooscan" / "explore-and-train.ipynb").stat().st_mode) == 0o600


def test_a_second_time_nothing_is_done(source: Path, home: Path) -> None:
    update(source, home)
    before = (home / RECORD).stat().st_mtime_ns
    assert update(source, home) == []
    assert (home / RECORD).stat().st_mtime_ns == before


def test_an_unchanged_notebook_is_replaced_by_a_new_version(source: Path, home: Path) -> None:
    update(source, home)
    (source / "zooscan" / "explore-and-train.ipynb").write_text("work 2", encoding="utf-8")
    assert update(source, home) == ["zooscan/explore-and-train.ipynb: installed"]
    assert files(home)["zooscan/explore-and-train.ipynb"] == "work 2"


def test_a_changed_notebook_stays_and_the_new_version_lies_beside_it(source: Path, home: Path) -> None:
    update(source, home)
    (home / "zooscan" / "explore-and-train.ipynb").write_text("mine", encoding="utf-8")
    assert update(source, home) == []
    (source / "zooscan" / "explore-and-train.ipynb").write_text("work 2", encoding="utf-8")
    assert update(source, home) == [
        "zooscan/explore-and-train.ipynb: yours is kept, the new version is explore-and-train.new.ipynb"
    ]
    assert update(source, home) == []
    assert files(home)["zooscan/explore-and-train.ipynb"] == "mine"
    assert files(home)["zooscan/explore-and-train.new.ipynb"] == "work 2"


def test_a_changed_app_is_installed_again_and_the_changed_one_kept(source: Path, home: Path) -> None:
    update(source, home)
    app = home / "zooscan" / "identify.ipynb"
    for number, kept in ((1, "identify.mine.ipynb"), (2, "identify.mine2.ipynb")):
        app.chmod(0o600)
        app.write_text(f"mine {number}", encoding="utf-8")
        assert update(source, home) == [
            f"zooscan/identify.ipynb: your version is kept as {kept}",
            "zooscan/identify.ipynb: installed",
        ]
        assert files(home)[f"zooscan/{kept}"] == f"mine {number}"
    assert files(home)["zooscan/identify.ipynb"] == "app 1"


def test_a_deleted_notebook_comes_back(source: Path, home: Path) -> None:
    update(source, home)
    (home / "zooscan" / "identify.ipynb").unlink()
    assert update(source, home) == ["zooscan/identify.ipynb: installed"]


def test_a_link_in_the_home_is_replaced_and_not_followed(source: Path, home: Path, tmp_path: Path) -> None:
    precious = tmp_path / "precious"
    precious.write_text("keep", encoding="utf-8")
    update(source, home)
    app = home / "zooscan" / "identify.ipynb"
    app.unlink()
    app.symlink_to(precious)
    update(source, home)
    assert precious.read_text(encoding="utf-8") == "keep"
    assert files(home)["zooscan/identify.ipynb"] == "app 1"


def test_a_broken_record_loses_nothing(source: Path, home: Path) -> None:
    update(source, home)
    (home / "zooscan" / "explore-and-train.ipynb").write_text("mine", encoding="utf-8")
    (home / RECORD).write_text("{ broken", encoding="utf-8")
    update(source, home)
    assert files(home)["zooscan/explore-and-train.ipynb"] == "mine"
    assert files(home)["zooscan/explore-and-train.new.ipynb"] == "work 1"
