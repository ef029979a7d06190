"""The documentation says what the programs do: commands, paths, settings and names in it exist, and its examples run."""

from __future__ import annotations

import itertools
import os
import re
import shlex
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import click
import pytest
import yaml

import imagine_kernels
from imagine_kernels import catalog
from imagine_kernels.cli import imagine
from imagine_kernels.models.bundle import ModelBundle

ROOT = Path(__file__).resolve().parents[2]
DOCS = ROOT / "docs"
PAGES = sorted(page for page in DOCS.rglob("*.md") if "_build" not in page.parts)
TEXTS = [*PAGES, ROOT / "README.md", ROOT / "CONTRIBUTING.md"]
EXECUTED = [
    ROOT / "README.md", DOCS / "tutorials" / "first-sample-in-the-browser.md", DOCS / "tutorials" / "train-your-own-model.md",
    DOCS / "how-to" / "use-your-own-data.md", DOCS / "how-to" / "correct-and-export.md", DOCS / "how-to" / "find-oil-slicks.md",
    DOCS / "reference" / "files.md",
]  # fmt: skip
#: Programs of blocks that start or install the whole environment: they have tests of their own.
ELSEWHERE = ("make ", "source ")


def name_of(page: Path) -> str:
    return page.relative_to(ROOT).as_posix()


def blocks(page: Path, *languages: str) -> list[tuple[str, str]]:
    """Language and content of the fenced blocks of a page."""
    found = re.findall(r"^```(\w+)\n(.*?)^```", page.read_text(encoding="utf-8"), re.MULTILINE | re.DOTALL)
    return [(language, content) for language, content in found if language in languages]


def commands(page: Path) -> list[str]:
    lines = [line for _, content in blocks(page, "bash") for line in content.splitlines()]
    inline = re.findall(r"`(imagine [^`]+)`", page.read_text(encoding="utf-8").replace("\n", " "))
    return [line for line in [*lines, *inline] if line.startswith("imagine ")]


def command_of(words: list[str]) -> tuple[click.Command, list[str]]:
    command: click.Command = imagine
    rest = words[1:]
    while isinstance(command, click.Group) and rest:
        context = click.Context(command)
        found = command.get_command(context, rest[0])
        assert found is not None, f"there is no command {' '.join(words)}"
        command, rest = found, rest[1:]
    if command.name == "submit":
        # What follows is a command of its own.
        return command_of(["imagine", *rest])
    return command, rest


@pytest.mark.parametrize("page", TEXTS, ids=name_of)
def test_every_command_and_option_exists(page: Path) -> None:
    for line in commands(page):
        command, rest = command_of(shlex.split(line))
        options = {name for parameter in command.params for name in parameter.opts}
        for word in rest:
            if word.startswith("--"):
                assert word.split("=")[0] in options, line
        named = next((word for word in rest if word in catalog.names()), "zooscan")
        for setting in re.findall(r"--set (\w+)=", line):
            assert setting in {each.name for each in catalog.get(named).settings} | {"NAME"}, line


@pytest.mark.parametrize("page", TEXTS, ids=name_of)
def test_every_path_and_make_target_exists(page: Path) -> None:
    text = page.read_text(encoding="utf-8")
    for path in re.findall(r"`((?:imagine_kernels|tests|docs|hub|notebooks|benchmarks)/[\w./-]*)`", text):
        if "_build" not in path:
            assert (ROOT / path).exists(), path
    targets = set(re.findall(r"^([\w-]+):", (ROOT / "Makefile").read_text(encoding="utf-8"), re.MULTILINE))
    for target in re.findall(r"`make ([\w-]+)`", text) + re.findall(r"^make ([\w-]+)", text, re.MULTILINE):
        assert target in targets, target
    for link in re.findall(r"\]\(([^)#:]+)\)", text):
        if page.name not in ("contributing.md", "changelog.md"):
            assert (page.parent / link).exists(), link
    for variable in re.findall(r"\bIMAGINE_[A-Z_]+[A-Z]\b", text):
        if not variable.startswith("IMAGINE_HUB_"):
            files = [file for part in ("imagine_kernels", "hub") for file in (ROOT / part).rglob("*.py")]
            sources = (file.read_text(encoding="utf-8") for file in files)
            assert any(variable in source for source in sources), variable


def test_every_use_case_has_its_page() -> None:
    for name in catalog.names():
        page = DOCS / "reference" / "use-cases" / f"{name}.md"
        text = page.read_text(encoding="utf-8")
        assert f"{{imagine-settings}} {name}" in text
        assert f"use-cases/{name}\n" in (DOCS / "reference" / "index.md").read_text(encoding="utf-8")


def test_every_page_can_be_reached() -> None:
    listed = set()
    for page in PAGES:
        for content in re.findall(r"```\{toctree\}\n(.*?)```", page.read_text(encoding="utf-8"), re.DOTALL):
            entries = [line for line in content.splitlines() if line and not line.startswith(":")]
            listed |= {(page.parent / entry).resolve().with_suffix(".md") for entry in entries}
    assert [name_of(page) for page in PAGES if page.name != "index.md" and page.resolve() not in listed] == []


def test_the_changelog_begins_with_this_version() -> None:
    text = (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")
    first = re.search(r"^## \[([^\]]+)\]", text, re.MULTILINE)
    assert first is not None
    assert first[1] == imagine_kernels.__version__


def test_the_citation_file_is_valid() -> None:
    held = yaml.safe_load((ROOT / "CITATION.cff").read_text(encoding="utf-8"))
    assert {"cff-version", "message", "title", "authors"} <= set(held)
    assert held["cff-version"] == "1.2.0"
    assert held["type"] in ("software", "dataset")
    assert str(held["version"]) == imagine_kernels.__version__
    assert held["license"] == "Apache-2.0"
    assert all("name" in author or "family-names" in author for author in held["authors"])


def test_the_settings_of_the_hub_are_all_in_the_table() -> None:
    import dataclasses
    import tomllib

    from imagine_hub.settings import Settings, read_settings

    sys.path.insert(0, str(DOCS / "_extensions"))
    from imagine_reference import hub_settings

    text = (ROOT / "hub" / "settings.toml").read_text(encoding="utf-8")
    shown = {section.strip("[]"): rows for section, (_, rows) in hub_settings(text).items()}
    held = tomllib.loads(text)
    profile = held.pop("profiles")[0]
    assert {key for key, _, _ in shown["profiles"]} == set(profile)
    assert {section: {key for key, _, _ in shown[section]} for section in held} == {
        section: set(keys) for section, keys in held.items()
    }
    assert all(comment for section in held for _, _, comment in shown[section][:1])
    assert {item.name for item in dataclasses.fields(Settings)} == set(shown)
    assert isinstance(read_settings(ROOT / "hub" / "settings.toml", {}), Settings)


def test_environment_variables_are_all_in_the_table() -> None:
    from imagine_kernels import settings

    sys.path.insert(0, str(DOCS / "_extensions"))
    from imagine_reference import environment_variables

    shown = environment_variables(settings.__doc__ or "")
    source = Path(settings.__file__).read_text(encoding="utf-8")
    assert {row[0].strip("`") for row in shown} >= set(re.findall(r'"(IMAGINE_\w+)"', source))
    assert all(len(row) == 3 and row[1] != row[2] for row in shown)


def test_pictures_of_the_documentation_are_small_enough_to_keep() -> None:
    for picture in (DOCS / "images").glob("*.png"):
        assert picture.stat().st_size < 600_000, picture.name


@pytest.mark.timeout(900)
@pytest.mark.parametrize("page", EXECUTED, ids=name_of)
def test_the_examples_run_from_top_to_bottom(page: Path, starter_model: Callable[[str], ModelBundle], tmp_path: Path) -> None:
    starter_model("oil_spill" if page.name == "find-oil-slicks.md" else "zooscan")
    found = blocks(page, "bash", "python")
    assert found
    work = tmp_path / "work"
    work.mkdir()
    environment = {
        **os.environ,
        "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}",
        "PYTHONPATH": str(ROOT),
    }
    if page.name == "files.md":
        subprocess.run(
            ["imagine", "sample", "zooscan", "--out", "sample"], cwd=work, env=environment, check=True, capture_output=True
        )
    # Blocks of one language that follow each other are one program.
    for language, group in itertools.groupby(found, key=lambda block: block[0]):
        content = "".join(text for _, text in group)
        if language == "python":
            command = [sys.executable, "-c", content]
        else:
            lines = [line for line in content.splitlines() if not line.startswith(ELSEWHERE)]
            command = ["bash", "-euo", "pipefail", "-c", "\n".join(lines)]
        done = subprocess.run(command, cwd=work, env=environment, capture_output=True, text=True, timeout=600)
        assert done.returncode == 0, f"{content}\n{done.stdout[-2000:]}\n{done.stderr[-3000:]}"


@pytest.mark.timeout(900)
def test_the_pages_build_without_a_warning_and_load_nothing(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "sphinx", "-W", "--keep-going", "-q", "-b", "html", str(DOCS), str(tmp_path / "html")]
    done = subprocess.run(command, capture_output=True, text=True, timeout=800)
    assert done.returncode == 0, done.stderr[-4000:]
    loaded = re.compile(r'<(?:script|img|link|iframe|source)\b[^>]*?\b(?:src|href)="([^"]+)"')
    for page in (tmp_path / "html").rglob("*.html"):
        text = page.read_text(encoding="utf-8")
        assert [address for address in loaded.findall(text) if re.match(r"(?:https?:)?//", address)] == [], page
    for sheet in (tmp_path / "html").rglob("*.css"):
        assert not re.search(r"(?:url\(|@import\s*)['\"]?(?:https?:)?//", sheet.read_text(encoding="utf-8", errors="replace")), (
            sheet
        )
    math = (tmp_path / "html" / "explanation" / "intervals.html").read_text(encoding="utf-8")
    assert math.count('class="ik-math"') > 10
    assert "mathjax" not in math.lower()
