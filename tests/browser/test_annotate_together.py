"""Two people on one picture, and a connection that goes away: nothing that anybody has drawn is lost."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from annotating_media import SIZE, scene
from annotating_page import AnnotatePage, Annotators
from playwright.sync_api import WebSocketRoute, expect

from imagine_kernels.annotation import Filter, Person, Project, Projects, Stored

Annotate = Callable[..., AnnotatePage]

pytestmark = pytest.mark.timeout(900)


@pytest.fixture
def stored(annotators: Annotators) -> Iterator[Callable[[str], Project]]:
    """The project of a name, read from the database directly."""
    store = Projects(annotators.home / "annotations.db")

    def opened(name: str) -> Project:
        (found,) = [each for each in store.of(Person("anna")) if each.name == name]
        return store.open(found.uid, by=Person("anna"))

    yield opened
    store.close()


def marks_of(project: Project) -> list[Stored]:
    """All annotations that are there, in the order in which they were made."""
    found: list[Stored] = []
    after = None
    while True:
        page = project.page(Filter(), limit=500, after=after)
        found += page.items
        after = page.next
        if after is None:
            return found


def make(annotate: Annotate, annotators: Annotators, name: str) -> AnnotatePage:
    """A project of one picture, opened by Anna, in which Ben may annotate."""
    scene(annotators.folder(name) / "scan.png", seed=len(name))
    anna = annotate("anna")
    anna.make_project(name, name)
    anna.fit(*SIZE)
    return anna


def join(annotate: Annotate, project: Project) -> AnnotatePage:
    """Ben gets a role, and opens the project."""
    project.give_role("user:ben", "annotate")
    ben = annotate("ben")
    ben.start()
    ben.open_project(project.name)
    ben.fit(*SIZE)
    return ben


class _Unheard(list[str]):
    """What fails while the connection is away is part of the test."""

    def append(self, _: str) -> None:
        pass


class Cut:
    """Stands between a page and its server, and lets nothing through while it is cut."""

    def __init__(self, app: AnnotatePage) -> None:
        self._page, self._open = app.page, list[WebSocketRoute]()
        self._cut = False
        app.page.context.route_web_socket(re.compile("/channels"), self._connect)
        app.page.context.route(re.compile("/api/"), lambda route: route.abort() if self._cut else route.continue_())
        # The browser complains of each try in vain.
        app.watch.kinds = ()
        app.watch.failed = _Unheard()

    def _connect(self, socket: WebSocketRoute) -> None:
        if self._cut:
            socket.close(code=1001)
            return
        server = socket.connect_to_server()
        self._open.append(socket)
        socket.on_message(lambda message: None if self._cut else server.send(message))
        server.on_message(lambda message: None if self._cut else socket.send(message))

    @contextmanager
    def away(self) -> Iterator[None]:
        """The connection is away, as when the network goes; the page has seen it."""
        self._cut = True
        for each in self._open:
            each.close(code=1001)
        self._open = []
        expect(self._page.locator(".ik-offline")).to_be_visible()
        yield
        self._cut = False


def test_each_sees_what_the_other_does_and_a_conflict_is_shown(
    annotate: Annotate, annotators: Annotators, stored: Callable[[str], Project], annotate_pictures: Path
) -> None:
    anna = make(annotate, annotators, "Together")
    anna.rectangle((100, 80), (200, 160), "Copepoda")
    anna.wait_saved()
    project = stored("Together")
    ben = join(annotate, project)
    ben.wait_marks(1)
    ben.rectangle((400, 300), (480, 380), "Copepoda")
    anna.wait_marks(2)
    expect(anna.page.locator(".ika-note")).to_contain_text("ben")

    # Ben has no role in which labels are added: what he types is not offered as a new one.
    ben.rectangle((600, 100), (660, 160))
    ben.page.locator(".ika-picker").get_by_role("combobox").fill("Salpida")
    expect(ben.page.locator(".ika-picker .ika-nothing")).to_contain_text("owner")
    ben.press("Escape", "Escape")
    anna.wait_marks(3)

    # Both move the same one while Ben's connection is away.
    cut = Cut(ben)
    ben.page.reload()
    ben.wait_open()
    ben.fit(*SIZE)
    with cut.away():
        for app in (anna, ben):
            app.press("m")
            app.click((150, 160))
        anna.drag((150, 120), (250, 120))
        anna.wait_saved()
        ben.drag((150, 120), (150, 220))
        expect(ben.page.locator(".ik-saved")).to_contain_text("kept here")
        ben.page.screenshot(path=annotate_pictures / "together-offline.png")
    ben.page.wait_for_selector("[data-act=held]")
    ben.page.click("[data-act=held]")
    dialog = ben.page.get_by_role("dialog")
    expect(dialog).to_contain_text("anna")
    expect(dialog.get_by_role("row")).to_have_count(2)
    # The three shapes over each other, before, theirs and his own: hers is as far to the right of what it was as his is below it.
    sketch = dialog.get_by_role("img", name="The shape before; anna, now; mine")
    before, theirs, mine = (path.bounding_box() for path in sketch.locator("path").all())
    away = theirs["x"] - before["x"]
    assert away > 50
    assert (theirs["y"] - before["y"], mine["x"] - before["x"], mine["y"] - before["y"]) == pytest.approx((0, 0, away), abs=2)
    ben.page.screenshot(path=annotate_pictures / "together-conflict.png")
    dialog.locator("[data-act=keep-mine]").click()
    expect(dialog).to_contain_text("All is decided")
    ben.wait_saved()
    first = min(marks_of(project), key=lambda each: each.annotation.shape.numbers[0])
    assert first.annotation.shape.numbers == pytest.approx((100, 180, 200, 260), abs=1.5)
    assert len(marks_of(project)) == 3


def test_what_is_drawn_without_a_connection_is_sent_when_it_is_back_even_after_the_page_was_closed(
    annotate: Annotate, annotators: Annotators, stored: Callable[[str], Project]
) -> None:
    anna = make(annotate, annotators, "Cable")
    anna.rectangle((100, 80), (200, 160), "Copepoda")
    anna.wait_saved()
    anna.tab("Labels")
    anna.press("Escape")
    anna.page.get_by_role("treeitem", name=re.compile("Copepoda")).click()
    cut = Cut(anna)
    anna.reload()
    anna.page.get_by_role("treeitem", name=re.compile("Copepoda")).click()
    anna.fit(*SIZE)

    # The connection goes in the middle of a drag; work goes on.
    anna.press("s")
    anna.page.mouse.move(*anna.screen((300, 300)))
    anna.page.mouse.down()
    anna.page.mouse.move(*anna.screen((340, 320)), steps=3)
    with cut.away():
        anna.page.mouse.move(*anna.screen((400, 380)), steps=3)
        anna.page.mouse.up()
        for i in range(3):
            anna.rectangle((450 + 60 * i, 300), (500 + 60 * i, 340))
        expect(anna.page.locator(".ik-saved")).to_have_text("offline, 4 kept here")
    anna.wait_saved()
    project = stored("Cable")
    assert len(marks_of(project)) == 5

    # Closed while it is away, and opened again when it is back.
    with cut.away():
        for i in range(3):
            anna.rectangle((100 + 60 * i, 450), (150 + 60 * i, 500))
        anna.press("n")
        expect(anna.page.locator(".ik-saved")).to_have_text("offline, 4 kept here")
        anna.page.goto("about:blank")
    assert len(marks_of(project)) == 5
    anna.start()
    anna.open_project("Cable")
    anna.wait_saved()
    anna.wait_marks(8)
    assert len(marks_of(project)) == 8
    assert all(each.annotation.labels[0].path == ("Copepoda",) for each in marks_of(project))
    assert project.medium("scan.png").reviewed_by.keys() == {"anna"}


@pytest.mark.slow
def test_500_interleaved_edits_of_two_people_lose_none(
    annotate: Annotate, annotators: Annotators, stored: Callable[[str], Project]
) -> None:
    anna = make(annotate, annotators, "Five hundred")
    anna.rectangle((20, 20), (60, 60), "Copepoda")
    anna.wait_saved()
    project = stored("Five hundred")
    ben = join(annotate, project)
    people = {"anna": anna, "ben": ben}
    for app in people.values():
        # The tool is put away, then nothing is selected: a click on a label chooses what is drawn next.
        app.press("Escape", "Escape")
        app.tab("Labels")
        app.page.get_by_role("treeitem", name=re.compile("Copepoda")).click()
        expect(app.page.locator(".ika-drawn-next")).to_contain_text("Copepoda")
    # 30 drawn by mouse each, in turn; then those of the other are moved along by key.
    for i in range(30):
        for row, app in enumerate(people.values()):
            x, y = 80 + 70 * (i % 10), 60 + 180 * row + 55 * (i // 10)
            app.rectangle((x, y), (x + 40, y + 30))
    for app in people.values():
        app.wait_saved()
    for app in people.values():
        app.wait_marks(61)
    before = {each.annotation.id: each.annotation.shape.numbers for each in marks_of(project)}
    moved = {"anna": 0, "ben": 0}
    for app, row in ((anna, 1), (ben, 0)):
        app.press("m")
        app.click((80, 60 + 180 * row + 15))
    for _ in range(22):
        for name, app in people.items():
            for _ in range(10):
                app.press("ArrowRight")
                moved[name] += 1
    for app in people.values():
        app.wait_saved()
        expect(app.page.locator("[data-act=held]")).to_have_count(0)
    after = {each.annotation.id: each.annotation.shape.numbers for each in marks_of(project)}
    assert 60 + sum(moved.values()) == 500
    assert before.keys() == after.keys()
    shifts = sorted(round(after[each][0] - before[each][0]) for each in before)
    assert shifts == [0] * 59 + [220, 220]
    # Each arrow is in the history.
    changed = [each for each in before if after[each] != before[each]]
    assert sum(len(project.history(each)) for each in changed) == 2 + 440
