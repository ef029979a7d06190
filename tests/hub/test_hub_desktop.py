"""napari on a desktop in the browser: a real hub, a real container as closed as all others, and hands that only have a canvas."""

from __future__ import annotations

import asyncio
import json
import os
import sys
import time
from collections.abc import Callable, Iterator
from io import BytesIO
from pathlib import Path
from types import SimpleNamespace
from typing import TypeVar

import engine as engines
import httpx
import hub_running as running
import numpy as np
import pytest
import websocket
from chromium import Watch
from container_hub import inside, record
from imagine_hub.errors import DesktopError, SettingsError
from imagine_hub.pages import DesktopNow
from imagine_hub.server.desktop import handlers, parts, session
from imagine_hub.server.desktop import screen as screens
from imagine_hub.settings import Profile, Settings
from imagine_hub.spawners.container import image_of
from imagine_hub.spawners.overlay import _images
from jinja2 import Environment, FileSystemLoader
from numpy.typing import NDArray
from PIL import Image
from playwright.sync_api import Browser, Page, expect
from tornado.ioloop import IOLoop
from tornado.web import Application

from imagine_kernels.annotation import Filter, Person, Projects
from imagine_kernels.records import Label, Medium

T = TypeVar("T")
SIZES = """
[[profiles]]
name = "desktop"
title = "Desktop"
cpus = 2
memory_gb = 2.5
desktop = true
"""
USER = (1000, 100)
# Of the picture, in px; and two squares in it, by their middles, in colours that nothing else has.
WIDTH, HEIGHT = 800, 600
MAGENTA, GREEN = (130, 130), (670, 470)
DRAWN = (300, 200, 500, 400)


def prepared(home: Path) -> Projects:
    """A home with a picture and a project of it, as the annotate app leaves them."""
    picture = np.full((HEIGHT, WIDTH, 3), 120, np.uint8)
    for (x, y), color in ((MAGENTA, (255, 0, 255)), (GREEN, (0, 255, 0))):
        picture[y - 30 : y + 30, x - 30 : x + 30] = color
    (home / "reef").mkdir(parents=True)
    Image.fromarray(picture).save(home / "reef" / "reef.png")
    store = Projects(home / "imagine" / "annotations.db")
    tree = store.trees.save("reef", [Label(name="Sponge"), Label(name="Coral")], author="diver")
    project = store.create("Reef", by=Person("diver"), tree=tree)
    project.add_media([Medium(name="reef.png", width=WIDTH, height=HEIGHT)])
    places = home / "imagine" / "annotate" / "places" / f"{project.uid}.json"
    places.parent.mkdir(parents=True)
    places.write_text(json.dumps({"sources": [["", "/home/jovyan/reef"]], "files": {}}), encoding="utf-8")
    for path in (home, *home.rglob("*")):
        os.chown(path, *USER)
    return store


@pytest.fixture(scope="module")
def diver(engine: engines.Engine, tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[running.Hub, Projects]]:
    """A hub with one size, which has a desktop, and the projects of the one person who uses it."""
    folder = tmp_path_factory.mktemp("desktop")
    (folder / "settings.toml").write_text(SIZES, encoding="utf-8")
    # The way to a home of another user leads through folders that only the one who tests may enter.
    homes = folder / "homes"
    store = prepared(homes / "diver")
    (folder / "site").mkdir()
    settings = {
        **running.small_site(folder / "site"),
        **engine.settings(),
        "IMAGINE_HUB_LOGIN_USERS": "diver",
        "IMAGINE_HUB_CONTAINERS_HOMES": str(homes),
        # The skeleton has none of its own.
        "IMAGINE_HUB_CONTAINERS_READ_ONLY_MOUNTS": ",".join(
            [*engine.mounts(folder / "site" / "notebooks"), "/etc/fonts:/etc/fonts"]
        ),
        "IMAGINE_HUB_SERVERS_WARM_APPS": "0",
    }
    with running.start(folder / "state", settings=settings, file=folder / "settings.toml") as hub:
        yield hub, store
    store.close()


def pixels(page: Page) -> NDArray[np.int16]:
    """What the person sees, shape (height, width, 3)."""
    return np.asarray(Image.open(BytesIO(page.screenshot())).convert("RGB"), np.int16)


def middle(seen: NDArray[np.int16], color: tuple[int, int, int]) -> tuple[float, float] | None:
    """The middle of all that has this colour, x and y in px; None where little has it."""
    rows, columns = np.nonzero((np.abs(seen - color) < 40).all(axis=2))
    return (float(columns.mean()), float(rows.mean())) if rows.size > 400 else None


def until(look: Callable[[], T | None], what: str, timeout_s: float = 40) -> T:
    deadline = time.monotonic() + timeout_s
    while (found := look()) is None:
        assert time.monotonic() < deadline, what
        time.sleep(0.2)
    return found


def scale(page: Page) -> Callable[[float, float], tuple[float, float]]:
    """From px of the picture to px of the page, by the two squares in it."""

    def look() -> Callable[[float, float], tuple[float, float]] | None:
        seen = pixels(page)
        one, other = middle(seen, (255, 0, 255)), middle(seen, (0, 255, 0))
        if one is None or other is None:
            return None
        wide, high = ((other[i] - one[i]) / (GREEN[i] - MAGENTA[i]) for i in (0, 1))
        return lambda x, y: (one[0] + (x - MAGENTA[0]) * wide, one[1] + (y - MAGENTA[1]) * high)

    return until(look, "the picture is not shown")


def drag(page: Page, begin: tuple[float, float], end: tuple[float, float]) -> None:
    page.mouse.move(*begin)
    page.wait_for_timeout(150)
    page.mouse.down()
    for part in (0.3, 0.6, 1.0):
        page.wait_for_timeout(100)
        page.mouse.move(*(begin[i] + (end[i] - begin[i]) * part for i in (0, 1)))
    page.wait_for_timeout(150)
    page.mouse.up()


def test_from_the_home_page_to_a_mark_in_the_store(
    diver: tuple[running.Hub, Projects], engine: engines.Engine, browser: Browser
) -> None:
    hub, store = diver
    context = browser.new_context(viewport={"width": 1280, "height": 800})
    page = context.new_page()
    watch = Watch(page, hub.address, kinds=("error",))
    page.goto(hub.address)
    page.fill("#username_input", "diver")
    page.fill("#password_input", hub.password)
    page.click("#login_submit")
    page.get_by_role("link", name="napari on a desktop").click()
    page.wait_for_url("**/user/diver/imagine/desktop", timeout=60_000)

    # The projects of the person, as the library names them.
    page.get_by_role("link", name="Reef").click()
    expect(page.locator("#words")).to_have_text("napari is opening Reef.")
    expect(page.locator("#says")).to_be_hidden(timeout=60_000)
    expect(page).to_have_title("Reef · napari on a desktop")
    scale(page)

    # A label by the keyboard, a rectangle by the mouse, all through the canvas; the dock has its width once it says something.
    page.mouse.click(640, 400)
    page.keyboard.press("g")
    page.keyboard.type("coral", delay=30)
    page.keyboard.press("Enter")
    page.keyboard.press("r")
    page.wait_for_timeout(500)
    place = scale(page)
    drag(page, place(*DRAWN[:2]), place(*DRAWN[2:]))

    (found,) = [each for each in store.of(Person("diver")) if each.name == "Reef"]
    project = store.open(found.uid, by=Person("diver"))
    (mark,) = until(lambda: project.page(Filter(medium="reef.png")).items or None, "nothing was drawn")
    assert mark.annotation.labels[0].path == ("Coral",)
    assert mark.annotation.labels[0].annotator == "diver"
    # A few px of the screen, as parts of the window may still find their width; the size is that which was drawn.
    drawn = mark.annotation.shape.numbers
    assert drawn == pytest.approx(DRAWN, abs=12)
    assert (drawn[2] - drawn[0], drawn[3] - drawn[1]) == pytest.approx((DRAWN[2] - DRAWN[0], DRAWN[3] - DRAWN[1]), abs=4)
    (event,) = project.history(mark.annotation.id)
    assert (event.kind, event.author) == ("create", "diver")

    # The display takes the size of the window, and the picture is still there.
    page.set_viewport_size({"width": 1000, "height": 700})
    until(lambda: page.locator("canvas").first.bounding_box() == {"x": 0, "y": 0, "width": 1000, "height": 700} or None, "resize")
    scale(page)

    # Nobody else sees it or has a hand in it; that scripts of the page are open to all is no matter.
    address = f"{hub.address}/user/diver/imagine/desktop"
    assert httpx.get(f"{address}/window", trust_env=False).status_code in (302, 403)
    with pytest.raises(websocket.WebSocketBadStatusException, match="403"):
        websocket.create_connection(f"{address.replace('http', 'ws', 1)}/socket", timeout=30)
    assert httpx.get(f"{address}/files/desktop.js", trust_env=False).status_code == 200
    assert httpx.get(f"{address}/files/%2e%2e/page.html", trust_env=False).status_code in (403, 404)

    # JupyterLab leads there, too.
    page.goto(f"{hub.address}/user/diver/lab")
    expect(page.locator(".jp-LauncherCard", has_text="napari on a desktop")).to_be_visible(timeout=30_000)

    # As closed as every other server, and nothing of the desktop listens on the network of the servers.
    assert record(engine, "diver")["HostConfig"]["ReadonlyRootfs"] is True
    assert record(engine, "diver")["HostConfig"]["CapDrop"] == ["ALL"]
    sockets = inside(engine, "diver", "cat", "/proc/net/tcp", "/proc/net/tcp6")[1].splitlines()
    listening = [line.split()[1].split(":") for line in sockets if line.split()[3] == "0A"]
    # The engine's own names are served at 127.0.0.11, written as in memory.
    assert {int(port, 16) for address, port in listening if not address.endswith("7F")} == {8888}
    context.close()
    watch.assert_clean()


class TestWithoutDesktop:
    def test_one_sentence_with_the_remedy(self, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
        assert parts.missing() == ()
        assert parts.why_not() == ""
        monkeypatch.setenv("PATH", str(tmp_path))
        monkeypatch.setattr(parts, "VIEWER", tmp_path)
        assert parts.missing() == ("Xvnc", "openbox", "xprop", "noVNC")
        words = parts.why_not()
        assert "\n" not in words
        assert words.startswith(
            "This server has no desktop (Xvnc, openbox, xprop, noVNC not installed). Stop this server and start"
        )
        with pytest.raises(DesktopError, match="start one of a size with a desktop"):
            running.run_async(session.Desktop().open("Reef"))

    @pytest.mark.parametrize("lacking", ["", "This server has no desktop."])
    def test_apps_are_told_where_the_desktop_is(self, lacking: str, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv(handlers.ADDRESS, "")
        monkeypatch.setattr(handlers, "why_not", lambda: lacking)
        monkeypatch.setattr(handlers.atexit, "register", lambda function: None)

        async def check() -> None:
            app = SimpleNamespace(base_url="/user/anna/", web_app=Application(), io_loop=IOLoop.current())
            handlers.add_desktop(app, idle_s=0)
            for each in app.web_app.settings.values():
                getattr(each, "stop", lambda: None)()

        running.run_async(check())
        assert os.environ[handlers.ADDRESS] == ("" if lacking else "/user/anna/imagine/desktop")

    def test_the_page_says_it_and_asks_for_nothing(self) -> None:
        page = Environment(loader=FileSystemLoader(handlers.HERE), autoescape=True).get_template("page.html")
        shown = page.render(base="/user/anna/imagine/desktop", why_not="<none> here", xsrf="x")
        assert "&lt;none&gt; here" in shown
        assert "<script" not in shown


class TestWhatIsOffered:
    def test_the_image_and_the_link(self) -> None:
        sizes = (Profile(name="small", title="Small"), Profile(name="big", title="Big", desktop=True, groups=("artists",)))
        settings = Settings(profiles=sizes)
        assert [image_of(settings, size) for size in sizes] == ["imagine-cpu:0.1.0", "imagine-desktop:0.1.0"]
        artist, other = (SimpleNamespace(groups=[SimpleNamespace(name=name)]) for name in ("artists", "others"))
        containers = settings.replace("servers", spawner="docker")
        assert [DesktopNow(containers)(person) for person in (artist, other, None)] == [True, False, False]
        assert not DesktopNow(settings)(artist)
        assert _images(settings) == {"imagine-cpu:0.1.0", "imagine-desktop:0.1.0"}

    def test_no_image_has_a_desktop_and_gpus(self) -> None:
        with pytest.raises(SettingsError, match="no image of ours has both: give it an image of its own"):
            Profile(name="both", title="Both", gpus=1, desktop=True)
        assert Profile(name="both", title="Both", gpus=1, desktop=True, image="ours:1").desktop


class TestSession:
    """A desktop without a hub: what is on the display is another program, which is quick."""

    @staticmethod
    def program(monkeypatch: pytest.MonkeyPatch, code: str) -> None:
        monkeypatch.setattr(session, "command", lambda project: (sys.executable, "-c", code, project))

    def test_words_of_the_library_reach_the_person(self, monkeypatch: pytest.MonkeyPatch) -> None:
        async def check() -> None:
            desktop = session.Desktop()
            try:
                for code, words in (
                    (
                        "import sys; print('error: Unknown project: check the name.', file=sys.stderr); sys.exit(1)",
                        "Unknown project: check the name.",
                    ),
                    ("raise ValueError('inside')", session.BROKEN),
                    ("", session.CLOSED),
                ):
                    self.program(monkeypatch, code)
                    await desktop.open("Reef")
                    async with asyncio.timeout(20):
                        while (now := await desktop.state())["state"] == "starting":
                            await asyncio.sleep(0.05)
                    assert now == {"state": "closed", "project": "Reef", "words": words}
            finally:
                await desktop.close()
            assert (await desktop.state())["state"] == "off"

        running.run_async(check())

    def test_another_project_takes_the_place_of_the_first(self, monkeypatch: pytest.MonkeyPatch) -> None:
        async def check() -> None:
            self.program(monkeypatch, "import time; time.sleep(60)")
            desktop = session.Desktop()
            try:
                await desktop.open("Reef")
                first = desktop._window
                # Who comes back without a name goes on with what is open.
                await desktop.open("")
                assert desktop._window is first
                await desktop.open("Wreck")
                assert first is not None
                assert first.returncode is not None
                assert (await desktop.state())["project"] == "Wreck"
            finally:
                await desktop.close()

        running.run_async(check())

    def test_nothing_is_left_when_nobody_looks(self, monkeypatch: pytest.MonkeyPatch) -> None:
        async def check() -> None:
            self.program(monkeypatch, "import time; time.sleep(60)")
            desktop = session.Desktop(idle_s=0.2)
            await desktop.open("Reef")
            screen = desktop.screen
            assert screen is not None
            assert screen.socket.stat().st_mode & 0o777 == 0o600
            assert screen.folder.stat().st_mode & 0o777 == 0o700
            desktop.watchers = 1
            await asyncio.sleep(0.3)
            await desktop.rest()
            assert desktop.screen is screen
            desktop.watchers = 0
            await asyncio.sleep(0.3)
            await desktop.rest()
            assert await desktop.state() == {"state": "off", "project": "Reef", "words": session.RESTED}
            assert not screen.running
            assert not screen.folder.exists()

        running.run_async(check())

    def test_a_display_that_does_not_start_is_said(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(screens, "SIZE", "no size")

        async def check() -> None:
            desktop = session.Desktop()
            with pytest.raises(DesktopError, match=r"The display of the desktop did not start \(.*\): stop your server"):
                await desktop.open("Reef")
            assert desktop.screen is None

        running.run_async(check())

    def test_a_name_is_never_an_option(self) -> None:
        assert session.command("--help")[-3:] == ("--project", "--", "--help")
