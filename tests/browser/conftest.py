"""A real server with Voilà in it, and a real browser."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from annotating_page import AnnotatePage, Annotators
from chromium import Watch
from playwright.sync_api import Browser, Page, expect
from voila_server import ROOT, Server

import imagine_kernels as ik

# A busy machine is no mistake.
expect.set_options(timeout=30_000)

#: Pictures that people look at are kept here; the folder is not in the repository.
OUTPUT = ROOT / "tests" / "output" / "identify"


@pytest.fixture(scope="session")
def home(tmp_path_factory: pytest.TempPathFactory, starter_model: Callable[[str], Any]) -> Path:
    """An IMAGINE_HOME in which nobody has worked yet, with the starter model and the bundled sample."""
    folder = tmp_path_factory.mktemp("browser-home")
    shutil.copytree(starter_model("zooscan").path, folder / "models" / "zooscan-starter")
    shutil.copytree(ik.use_case("zooscan").bundled_sample(), folder / "samples" / "zooscan-sample")
    return folder


@pytest.fixture(scope="session")
def server(home: Path) -> Iterator[Server]:
    running = Server(home)
    yield running
    running.close()


@pytest.fixture
def open_page(browser: Browser, server: Server) -> Iterator[Callable[..., tuple[Page, Watch]]]:
    """Opens pages of their own contexts; all of them must have been clean at the end."""
    contexts = []
    watches: list[Watch] = []

    def opened(**options: Any) -> tuple[Page, Watch]:
        context = browser.new_context(**{"viewport": {"width": 1280, "height": 800}, "accept_downloads": True, **options})
        contexts.append(context)
        page = context.new_page()
        page.set_default_timeout(60_000)
        watch = Watch(page, server.origin)
        watches.append(watch)
        return page, watch

    yield opened
    for context in contexts:
        context.close()
    for watch in watches:
        watch.assert_clean()


@pytest.fixture(scope="session")
def pictures() -> Path:
    OUTPUT.mkdir(parents=True, exist_ok=True)
    return OUTPUT


@pytest.fixture(scope="session")
def annotators(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Annotators]:
    """The servers of the people who annotate, as the hub starts them, with one database for all."""
    people = Annotators(tmp_path_factory.mktemp("annotate-home"))
    yield people
    people.close()


@pytest.fixture
def annotate(browser: Browser, annotators: Annotators) -> Iterator[Callable[..., AnnotatePage]]:
    """Opens the annotator for a person, in a browser context of its own; the pages must have been clean at the end."""
    pages: list[AnnotatePage] = []

    def opened(person: str = "anna", **options: Any) -> AnnotatePage:
        context = browser.new_context(**{"viewport": {"width": 1280, "height": 800}, "accept_downloads": True, **options})
        page = context.new_page()
        page.set_default_timeout(60_000)
        server = annotators.server(person)
        made = AnnotatePage(page, server.address("zooscan/annotate.ipynb"), Watch(page, server.origin))
        pages.append(made)
        return made

    yield opened
    for each in pages:
        each.page.context.close()
    for each in pages:
        each.watch.assert_clean()


@pytest.fixture(scope="session")
def annotate_pictures() -> Path:
    """Where pictures of the annotator are kept, for people to look at."""
    folder = ROOT / "tests" / "output" / "annotate"
    folder.mkdir(parents=True, exist_ok=True)
    return folder
