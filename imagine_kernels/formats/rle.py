"""Masks as lengths of runs: COCO's two ways, CVAT's, and Label Studio's."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from imagine_kernels.errors import DataError
from imagine_kernels.formats.substitutes import MAX_MASK, mask_numbers, pixels, runs_of
from imagine_kernels.records.shapes import Numbers


def from_counts(counts: Sequence[int], width: int, height: int) -> Numbers:
    """A mask over a whole picture from COCO's runs, by column, cut to the box around what is inside.

    Raises
    ------
    DataError
        The runs do not fit the picture.
    """
    if min(counts, default=0) < 0 or sum(counts) != width * height or min(width, height) < 1:
        raise DataError(f"the runs of the mask cover {sum(counts)} pixels, the picture has {width} × {height}")
    ends = np.cumsum(np.asarray(counts, dtype=np.int64))
    starts, stops = ends[0:-1:2], ends[1::2]
    some = stops > starts
    starts, stops = starts[some], stops[some] - 1
    if not starts.size:
        raise DataError("the mask has no pixel inside")
    left, right = int(starts[0] // height), int(stops[-1] // height)
    across = starts // height != stops // height  # such a run reaches the upper and the lower border
    top = 0 if across.any() else int((starts % height).min())
    bottom = height - 1 if across.any() else int((stops % height).max())
    if (right - left + 1) * (bottom - top + 1) > MAX_MASK:
        raise DataError(f"the mask of {right - left + 1} × {bottom - top + 1} pixels is too large")
    if across.any():
        flat = np.zeros((right - left + 1) * height, dtype=bool)
        for start, stop in zip((starts - left * height).tolist(), (stops - left * height).tolist(), strict=True):
            flat[start : stop + 1] = True
        return _mask(left, top, flat.reshape(right - left + 1, height))
    cut = np.zeros((right - left + 1, bottom - top + 1), dtype=bool)
    for start, stop in zip(starts.tolist(), stops.tolist(), strict=True):
        cut[start // height - left, start % height - top : stop % height - top + 1] = True
    return _mask(left, top, cut)


def _mask(left: int, top: int, inside: NDArray[np.bool_]) -> Numbers:
    found = mask_numbers(left, top, inside)
    if found is None:
        raise DataError("the mask has no pixel inside")
    return found


def to_counts(numbers: Numbers, width: int, height: int) -> list[int]:
    """COCO's runs over a whole picture, by column; what lies outside the picture is cut off."""
    left, top, across, down = (int(number) for number in numbers[:4])
    inside = pixels(numbers)
    x0, x1 = max(0, left), min(width, left + across)
    y0, y1 = max(0, top), min(height, top + down)
    if x1 <= x0 or y1 <= y0:
        return [width * height]
    counts, position = [0], 0
    for column in range(x0, x1):
        runs = runs_of(inside[column - left, y0 - top : y1 - top])
        _add(counts, False, column * height + y0 - position)
        for at, length in enumerate(runs):
            _add(counts, bool(at % 2), length)
        position = column * height + y1
    _add(counts, False, width * height - position)
    return counts


def _add(counts: list[int], value: bool, length: int) -> None:
    if not length:
        return
    if bool((len(counts) - 1) % 2) == value:
        counts[-1] += length
    else:
        counts.append(length)


def decompress(text: str) -> list[int]:
    """COCO's compressed runs: groups of 5 bits, the sixth says that more follow; from the third on differences to the last but one."""
    counts: list[int] = []
    value, shift = 0, 0
    for letter in text:
        bits = ord(letter) - 48
        if not 0 <= bits < 64 or shift > 60:
            raise DataError("the mask is not compressed as COCO does it")
        value |= (bits & 31) << shift
        shift += 5
        if not bits & 32:
            if bits & 16:
                value -= 1 << shift
            counts.append(value + (counts[-2] if len(counts) > 2 else 0))
            value, shift = 0, 0
    if shift:
        raise DataError("the compressed mask is cut off")
    return counts


def compress(counts: Sequence[int]) -> str:
    """See `decompress`."""
    letters: list[str] = []
    for at, count in enumerate(counts):
        value = count - counts[at - 2] if at > 2 else count
        while True:
            bits = value & 31
            value >>= 5
            more = value != (-1 if bits & 16 else 0)
            letters.append(chr((bits | 32 if more else bits) + 48))
            if not more:
                break
    return "".join(letters)


def from_lines(counts: Sequence[int], left: int, top: int, width: int, height: int) -> Numbers:
    """A mask from CVAT's runs in a box, by line, outside first."""
    if min(counts, default=0) < 0 or sum(counts) != width * height or width * height > MAX_MASK:
        raise DataError(f"the runs of the mask cover {sum(counts)} pixels, its box has {width} × {height}")
    flat = np.repeat(np.arange(len(counts)) % 2 == 1, counts)
    return _mask(left, top, flat.reshape(height, width).T)


def to_lines(numbers: Numbers) -> list[int]:
    """CVAT's runs, by line."""
    return runs_of(pixels(numbers).T.ravel())


def from_bits(data: Sequence[int], width: int, height: int) -> Numbers:
    """A mask from Label Studio's runs of the bytes of an RGBA picture: what has an alpha of half or more is inside.

    32 bits give the number of values, 5 the bits of a value less 1, four times 4 the bits of a length less 1. Then follow blocks: 1 bit
    for a repeated value, 2 bits for which of the four lengths, the length less 1, and the value or the values.
    """
    wanted = width * height
    if wanted > MAX_MASK or min(width, height) < 1:
        raise DataError(f"a mask of {width} × {height} pixels is too large")
    try:
        raw = bytes(data)
    except (TypeError, ValueError):
        raise DataError("the mask does not consist of bytes") from None
    length, at = len(raw) * 8, 0

    def read(bits: int) -> int:
        nonlocal at
        if at + bits > length:
            raise DataError("the mask is cut off")
        first, last = at // 8, (at + bits + 7) // 8
        piece = int.from_bytes(raw[first:last], "big") >> (last * 8 - at - bits)
        at += bits
        return piece & ((1 << bits) - 1)

    n, word = read(32), read(5) + 1
    sizes = [read(4) + 1 for _ in range(4)]
    if n != wanted * 4 or word != 8:
        raise DataError(f"the mask has {n} values, not four for each of {width} × {height} pixels")
    values = np.zeros(n, dtype=np.uint8)
    place = 0
    while place < n:
        repeated = read(1)
        end = place + 1 + read(sizes[read(2)])
        if end > n:
            raise DataError("the runs of the mask are longer than the picture")
        if repeated:
            values[place:end] = read(word)
            place = end
        else:
            while place < end:
                values[place] = read(word)
                place += 1
    inside = values.reshape(height, width, 4)[:, :, 3].T >= 128
    return _mask(0, 0, inside)


def to_bits(numbers: Numbers, width: int, height: int) -> list[int]:
    """See `from_bits`; what lies outside the picture is cut off."""
    whole = np.zeros((width, height), dtype=bool)
    left, top, across, down = (int(number) for number in numbers[:4])
    x0, x1, y0, y1 = max(0, left), min(width, left + across), max(0, top), min(height, top + down)
    if x1 > x0 and y1 > y0:
        whole[x0:x1, y0:y1] = pixels(numbers)[x0 - left : x1 - left, y0 - top : y1 - top]
    bits = [f"{width * height * 4:032b}", f"{7:05b}", *(f"{size - 1:04b}" for size in (4, 8, 12, 16))]
    for at, length in enumerate(runs_of(whole.T.ravel())):
        left_over = length * 4
        while left_over:
            run = min(left_over, 1 << 16)
            size = next(i for i, size in enumerate((4, 8, 12, 16)) if run <= 1 << size)
            bits.append(f"1{size:02b}{run - 1:0{(size + 1) * 4}b}{255 if at % 2 else 0:08b}")
            left_over -= run
    joined = "".join(bits)
    joined += "0" * (-len(joined) % 8)
    return list(int(joined, 2).to_bytes(len(joined) // 8, "big"))
