"""Small samples, written by hand."""

from __future__ import annotations

import io
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest


@pytest.fixture(scope="session")
def png() -> Callable[[int], bytes]:
    """A valid grey PNG of 8 × 8 px; each seed gives another one."""
    from PIL import Image

    def make(seed: int = 0) -> bytes:
        data = io.BytesIO()
        Image.fromarray(np.random.default_rng(seed).integers(0, 256, (8, 8), dtype=np.uint8)).save(data, "PNG")
        return data.getvalue()

    return make


@pytest.fixture
def lay(tmp_path: Path, png: Callable[[int], bytes]) -> Callable[..., Path]:
    """``lay({"a.png": None, "t.tsv": "…"})``: a folder with these files; None stands for a picture."""

    def make(files: dict[str, str | bytes | None], folder: str = "cruise") -> Path:
        for seed, (name, content) in enumerate(files.items()):
            path = tmp_path / folder / name
            path.parent.mkdir(parents=True, exist_ok=True)
            if content is None:
                content = png(seed)
            path.write_bytes(content if isinstance(content, bytes) else content.encode())
        (tmp_path / folder).mkdir(exist_ok=True)
        return tmp_path / folder

    return make
