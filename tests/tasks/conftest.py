"""A tiny labelled sample on disk, drawn by the generator of the bundled one; enough to train on in seconds."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import cv2
import numpy as np
import pandas as pd
import pytest

from imagine_kernels.records import Sample
from imagine_kernels.samples.zooscan import draw_vignette

Draw = Callable[..., Sample]


@pytest.fixture(autouse=True)
def one_thread() -> Iterator[None]:
    """Pictures are so small here that threads would only wait for each other."""
    import torch

    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.fixture
def draw(tmp_path: Path) -> Draw:
    """``draw(taxa, n)``: n vignettes of each taxon as PNG files."""

    def make(taxa: Sequence[str] = ("Copepoda", "Chaetognatha", "detritus"), n: int = 8) -> Sample:
        folder = tmp_path / "drawn"
        folder.mkdir()
        rows = []
        for k, taxon in enumerate(taxa):
            for i in range(n):
                name = f"{taxon}_{i}.png"
                picture, _ = draw_vignette(taxon, np.random.default_rng([k, i]))
                cv2.imwrite(str(folder / name), picture)
                rows.append(
                    {"object_id": name[:-4], "file": name, "label": taxon, "status": "validated", "sample_id": f"s{i % 4}"}
                )
        return Sample(name="drawn", source=folder, layout="pictures", objects=pd.DataFrame(rows))

    return make
