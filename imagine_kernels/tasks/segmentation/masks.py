"""Masks of what was found, as pictures beside the table."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from imagine_kernels.media.regions import BAND_ROWS, filled
from imagine_kernels.media.tiles import Box
from imagine_kernels.records import Predictions, Sample
from imagine_kernels.settings import placed
from imagine_kernels.tasks.segmentation.tiles import marked_on

FOLDER = "masks"


def mask_name(file: str) -> str:
    """Where the mask of a picture lies, from the folder of the result: under the whole name of the picture, which is its alone."""
    return f"{FOLDER}/{file}.png"


def write_masks(sample: Sample, predictions: Predictions, folder: Path, *, background: str) -> list[Path]:
    """Write a mask of every picture that was looked at, with class indices: 0 the background, then the labels in their order.

    What a person has discarded is background. Which number is which label is in ``masks/labels.csv``.

    Parameters
    ----------
    sample : Sample
    predictions : Predictions
        Of its objects.
    folder : Path
        Of the result.
    background : str
    """
    import pandas as pd

    media = sample.media
    assert media is not None
    labels = (background, *sorted({*predictions.label.tolist(), *predictions.classes} - {background}))
    kept = predictions.status != "discarded"
    shown = sample.objects.assign(label=predictions.label)[kept]
    marked = marked_on(Sample(name="", source=sample.source, layout="", objects=shown), labels)
    place = folder / FOLDER
    place.mkdir(parents=True, exist_ok=True)
    written = []
    for file, width, height in zip(media["file"], media["width"], media["height"], strict=True):
        target = folder / mask_name(str(file))
        target.parent.mkdir(parents=True, exist_ok=True)
        with placed(target) as passing:
            _write(marked.get(str(file), []), int(width), int(height), passing)
        written.append(target)
    with placed(place / "labels.csv") as passing:
        pd.DataFrame({"index": range(len(labels)), "label": labels}).to_csv(passing, index=False, lineterminator="\n")
    return written


def _write(outlines: Sequence[tuple[Any, int]], width: int, height: int, path: Path) -> None:
    """A grey PNG of 8 bits, band by band."""
    import rasterio
    import rasterio.shutil
    from rasterio.windows import Window

    from imagine_kernels.media.rasters import gdal

    with gdal(), rasterio.MemoryFile() as memory:
        with memory.open(driver="GTiff", width=width, height=height, count=1, dtype="uint8", compress="deflate") as made:
            for top in range(0, height, BAND_ROWS):
                box = Box(0, top, width, min(BAND_ROWS, height - top))
                made.write(filled(outlines, box), 1, window=Window(0, top, width, box.height))
        with memory.open() as source:
            rasterio.shutil.copy(source, path, driver="PNG")
