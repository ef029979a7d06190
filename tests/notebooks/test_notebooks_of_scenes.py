"""The notebook that trains on scenes runs to its end, on parts of the drawn scenes."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import rasterio
from PIL import Image
from rasterio.windows import Window
from test_notebooks import NOTEBOOKS, execute, shown

import imagine_kernels as ik

SIDE = 512


def parts_of_scenes(folder: Path, n: int) -> Path:
    """The upper left quarters of the first scenes of the bundled sample, with their masks."""
    source = ik.use_case("oil_spill").bundled_sample()
    for part in ("scenes", "masks"):
        (folder / part).mkdir(parents=True)
    for file in sorted(source.glob("scenes/*.tif"))[:n]:
        with rasterio.open(file) as whole:
            values, profile = whole.read(window=Window(0, 0, SIDE, SIDE)), {**whole.profile, "width": SIDE, "height": SIDE}
            with rasterio.open(folder / "scenes" / file.name, "w", **profile) as part:
                part.write(values)
                part.scales, part.units, part.descriptions = whole.scales, whole.units, whole.descriptions
                part.update_tags(**whole.tags())
        mask = np.asarray(Image.open(source / "masks" / f"{file.stem}.png"))[:SIDE, :SIDE]
        Image.fromarray(mask).save(folder / "masks" / f"{file.stem}.png")
    return folder


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_explore_and_train_runs_on_scenes_and_publishes(imagine_home: Path, tmp_path: Path) -> None:
    data = parts_of_scenes(tmp_path / "scenes", 5)
    notebook = NOTEBOOKS / "oil_spill" / "explore-and-train.ipynb"
    text = shown(execute(notebook, tmp_path / "work", data=str(data), name="slicks-from-the-notebook"))
    assert text.count("<svg") == 2
    # Every scene once, and the two that were kept apart with what is marked and what was found.
    assert text.count("<img ") == 5 + 2 * 2
    assert "mean_iou" in text
    assert ">found<" in text
    published = ik.use_case("oil_spill").model("slicks-from-the-notebook")
    assert published.path == imagine_home / "models" / "slicks-from-the-notebook"
    assert published.metrics["mean_iou"]["value"] > 0.4
