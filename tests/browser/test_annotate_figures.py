"""How fast the annotator is on a large scan and with very many shapes: figures, printed, with the limits that are promised."""

from __future__ import annotations

import time
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import cv2
import numpy as np
import pytest
from annotating_media import SIZE, scene
from annotating_page import AnnotatePage, Annotators
from playwright.sync_api import expect

from imagine_kernels.annotation import Person, Projects
from imagine_kernels.records import Annotation, Shape

Annotate = Callable[..., AnnotatePage]

pytestmark = [pytest.mark.slow, pytest.mark.timeout(900)]

WIDTH, HEIGHT = 14_000, 22_000
SHAPES = 5_000


@pytest.fixture(scope="module")
def large(annotators: Annotators) -> str:
    """A folder with a small picture and a scan of 308 million px."""
    folder = annotators.folder("large")
    scene(folder / "a-small.png", seed=1)
    rng = np.random.default_rng(2)
    part = rng.integers(190, 240, (2000, 2000), dtype=np.uint8)
    for _ in range(60):
        middle = tuple(int(each) for each in rng.integers(50, 1950, 2))
        cv2.ellipse(part, middle, (40, 18), int(rng.integers(0, 180)), 0, 360, int(rng.integers(20, 120)), -1)
    scan = np.tile(part, (HEIGHT // 2000, WIDTH // 2000))
    cv2.imwrite(str(folder / "scan.tif"), scan, [cv2.IMWRITE_TIFF_COMPRESSION, 1])
    return folder.name


@contextmanager
def frames(app: AnnotatePage) -> Iterator[list[float]]:
    """The times between the frames that the browser shows meanwhile, in ms."""
    found: list[float] = []
    app.page.evaluate(
        """() => {
            const times = (window.frameTimes = []);
            let before = performance.now();
            const next = now => {
                times.push(now - before);
                before = now;
                window.frameHandle = requestAnimationFrame(next);
            };
            window.frameHandle = requestAnimationFrame(next);
        }"""
    )
    yield found
    found += app.page.evaluate("() => (cancelAnimationFrame(window.frameHandle), window.frameTimes.slice(1))")


def rate(times: list[float]) -> float:
    """Frames per s."""
    return 1000 * len(times) / sum(times)


def test_a_large_scan_opens_at_once_and_moves_smoothly(annotate: Annotate, large: str) -> None:
    app = annotate()
    app.make_project("Large", large)
    row = app.page.locator(".ika-media [role=option]", has_text="scan.tif")
    begun = time.perf_counter()
    row.click()
    app.page.wait_for_function("() => document.querySelector('.ika-status-name').textContent.startsWith('scan.tif')", polling=20)
    app._shown()
    opened = time.perf_counter() - begun
    box = app.surface.bounding_box()
    assert box is not None
    middle = (box["x"] + box["width"] / 2, box["y"] + box["height"] / 2)
    mouse = app.page.mouse
    mouse.move(*middle)
    with frames(app) as zooming:
        for _ in range(30):
            mouse.wheel(0, -120)
            mouse.move(*middle)
            app.page.wait_for_timeout(30)
    app.press("p")
    with frames(app) as panning:
        for i in range(4):
            mouse.move(middle[0] - 200, middle[1])
            mouse.down()
            mouse.move(middle[0] + 200, middle[1] + (-1) ** i * 80, steps=40)
            mouse.up()
    print(
        f"\n14 000 x 22 000 px: first picture after {opened:.2f} s; zooming {rate(zooming):.0f}, panning {rate(panning):.0f} frames/s"
    )
    assert opened <= 1.5
    assert rate(zooming) >= 30
    assert rate(panning) >= 30


def test_5000_shapes_stay_editable(annotate: Annotate, annotators: Annotators) -> None:
    folder = annotators.folder("many")
    scene(folder / "scan.png", seed=4)
    app = annotate()
    app.make_project("Many", folder.name)
    store = Projects(annotators.home / "annotations.db")
    (summary,) = [each for each in store.of(Person("anna")) if each.name == "Many"]
    project = store.open(summary.uid, by=Person("anna"))
    rng = np.random.default_rng(6)
    corners = np.column_stack([rng.uniform(0, 780, SHAPES), rng.uniform(100, 580, SHAPES)])
    sides = rng.uniform(4, 16, (SHAPES, 2))
    project.add_many(
        Annotation(id=str(uuid.uuid4()), medium="scan.png", shape=Shape.of("rectangle", (*at, *(at + side))), status="predicted")
        for at, side in zip(corners, sides, strict=True)
    )
    one = str(uuid.uuid4())
    project.add(Annotation(id=one, medium="scan.png", shape=Shape.of("rectangle", (300, 20, 380, 80)), status="predicted"))
    begun = time.perf_counter()
    app.reload()
    expect(app.page.get_by_role("tab", name="Marks 5001")).to_be_visible()
    opened = time.perf_counter() - begun
    app.fit(*SIZE)
    app.click((340, 20))
    with frames(app) as moving:
        app.page.mouse.move(*app.screen((340, 50)))
        app.page.mouse.down()
        app.page.mouse.move(*app.screen((400, 60)), steps=60)
        app.page.mouse.up()
    app.wait_saved()
    (moved,) = project.several([one])
    assert moved.annotation.shape.numbers == pytest.approx((360, 30, 440, 90), abs=1.5)
    with frames(app) as panning:
        app.press("p")
        app.page.mouse.down()
        app.page.mouse.move(*app.screen((300, 200)), steps=60)
        app.page.mouse.up()
    assert sum(project.counts().statuses.values()) == SHAPES + 1
    worst = sorted(moving)[int(0.95 * len(moving))]
    print(f"\n{SHAPES} shapes: page with all after {opened:.1f} s; moving one {rate(moving):.0f} frames/s,")
    print(f"95 % of frames below {worst:.0f} ms; panning {rate(panning):.0f} frames/s")
    assert rate(moving) >= 30
    store.close()
