"""A real server with Voilà in it, and a real browser."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from chromium import Watch
from playwright.sync_api import Browser, Page
from voila_server import ROOT, Server

#: Pictures that people look at are kept here; the folder is not in the repository.
OUTPUT = ROOT / "tests" / "output" / "identify"


@pytest.fixture(scope="session")
def server(imagine_home: Path, starter_model: Callable[[str], Any]) -> Iterator[Server]:
    starter_model("zooscan")
    running = Server(imagine_home)
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
