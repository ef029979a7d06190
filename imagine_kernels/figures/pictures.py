"""Pictures of objects side by side."""

from __future__ import annotations

import base64
import io
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from html import escape
from typing import Any

import numpy as np
from numpy.typing import NDArray

from imagine_kernels.errors import ImageError
from imagine_kernels.records import Predictions


@dataclass(frozen=True, eq=False)
class Gallery:
    """Pictures in groups, each with a caption.

    Attributes
    ----------
    groups : tuple of (str, tuple of (caption, picture))
        Title of each group and its pictures, each (H, W) uint8.
    size_px : int
        Longest side on the page; larger pictures are made smaller.
    """

    groups: tuple[tuple[str, tuple[tuple[str, NDArray[np.uint8]], ...]], ...]
    size_px: int = 96

    def _repr_html_(self) -> str:
        parts = ['<div class="ik ik-gallery">']
        for title, pictures in self.groups:
            cells = "".join(self._cell(title, caption, picture) for caption, picture in pictures)
            # Written out, so that the gallery also reads well in a notebook, where the style sheet is absent.
            row = "display:flex;flex-wrap:wrap;gap:8px;align-items:flex-end;margin:6px 0 18px"
            parts.append(f'<h3 style="margin:0">{escape(title)}</h3><div class="ik-gallery-row" style="{row}">{cells}</div>')
        return "".join([*parts, "</div>"])

    def _cell(self, title: str, caption: str, picture: NDArray[np.uint8]) -> str:
        alt = escape(f"{title}: {caption}" if caption else title, quote=True)
        below = (
            f'<figcaption class="ik-muted" style="font-size:11px;line-height:1.3">{escape(caption)}</figcaption>'
            if caption
            else ""
        )
        uri, width, height = _data_uri(picture, self.size_px)
        image = f'<img src="{uri}" width="{width}" height="{height}" alt="{alt}" style="background:#fff">'
        return f'<figure style="margin:0;max-width:{self.size_px + 24}px">{image}{below}</figure>'


def gallery(
    titles: Sequence[str] | NDArray[Any],
    pictures: Iterable[NDArray[np.uint8] | ImageError],
    *,
    captions: Sequence[str] | None = None,
    size_px: int = 96,
) -> Gallery:
    """Pictures side by side, those of one title together; what cannot be decoded is left out.

    Parameters
    ----------
    titles : (n,) sequence of str
        Taxa, or whatever groups the pictures; groups come in the order of their first picture.
    pictures : n pictures (H, W) uint8, or the errors of those that cannot be decoded
    captions : (n,) sequence of str, optional
    size_px : int
        Longest side on the page.
    """
    groups: dict[str, list[tuple[str, NDArray[np.uint8]]]] = {}
    below = captions if captions is not None else [""] * len(titles)
    for title, caption, picture in zip(titles, below, pictures, strict=True):
        group = groups.setdefault(str(title), [])
        if not isinstance(picture, ImageError):
            group.append((caption, picture))
    return Gallery(tuple((title, tuple(members)) for title, members in groups.items()), size_px=size_px)


def mistakes(
    true: Sequence[str] | NDArray[Any], predictions: Predictions, *, most: int = 4, each: int = 8
) -> tuple[list[str], NDArray[np.int64]]:
    """The most frequent mistakes, to be shown with `gallery`.

    Parameters
    ----------
    true : (n,) sequence of str
        What the objects are; objects without a label are no mistakes.
    predictions : Predictions
        Of the same n objects.
    most, each : int
        So many kinds of mistakes at most, and so many objects of each.

    Returns
    -------
    titles : list of str, length m
        ``"Copepoda taken for detritus (7)"``.
    rows : (m,) ndarray of int
        Positions among the n objects, the most confident mistake first.
    """
    truth = np.asarray(true, dtype=object)
    wrong = np.flatnonzero((truth != predictions.label) & (truth != ""))
    pairs: dict[tuple[str, str], list[int]] = {}
    for row in wrong[np.argsort(-predictions.probability[wrong], kind="stable")]:
        pairs.setdefault((truth[row], predictions.label[row]), []).append(int(row))
    ranked = sorted(pairs.items(), key=lambda pair: (-len(pair[1]), pair[0]))[:most]
    chosen = [(f"{was} taken for {seen} ({len(rows)})", row) for (was, seen), rows in ranked for row in rows[:each]]
    return [title for title, _ in chosen], np.array([row for _, row in chosen], dtype=np.int64)


def _data_uri(picture: NDArray[np.uint8], size_px: int) -> tuple[str, int, int]:
    """The picture inside its own address, and its width and height on the page in px."""
    from PIL import Image

    image = Image.fromarray(np.ascontiguousarray(picture))
    factor = min(1.0, size_px / max(image.size))
    width, height = (max(1, round(side * factor)) for side in image.size)
    # Twice the size on the page, for screens with fine pixels.
    image.thumbnail((2 * size_px, 2 * size_px))
    stream = io.BytesIO()
    image.save(stream, format="PNG", optimize=True)
    return f"data:image/png;base64,{base64.b64encode(stream.getvalue()).decode()}", width, height
