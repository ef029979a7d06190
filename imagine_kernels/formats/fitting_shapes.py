"""Cuts shapes down to those that a format holds."""

from __future__ import annotations

import math

from imagine_kernels.formats.holds import Holds, Losses
from imagine_kernels.formats.substitutes import INSTEAD, area, cut_mask, joined, mask_of, opened, overlap, substitute
from imagine_kernels.records import Medium, Shape, ShapeKind
from imagine_kernels.records.shapes import Numbers, bounding_box, rings

#: Frames in a second of a video that does not say.
USUAL_RATE_HZ = 25.0


def rate_of(medium: Medium) -> float:
    """Frames in a second."""
    rate = medium.frame_rate_hz
    return rate if rate and math.isfinite(rate) and rate > 0 else USUAL_RATE_HZ


class ShapeFitter:
    """See `fit`."""

    def __init__(self, holds: Holds, losses: Losses) -> None:
        self.holds, self.losses = holds, losses
        self._plain = frozenset(holds.shapes) - {"polygon", "mask", "rotated_rectangle"}
        self._simple = not (holds.whole_pixels or holds.inside)

    def fit(self, shape: Shape, medium: Medium) -> Shape | None:
        """The shape as the format holds it, or None where it cannot; what is lost is noted."""
        if medium.kind == "picture" and not shape.frames and self._simple and shape.kind in self._plain:
            return shape
        kind, frames, keyframes = shape.kind, shape.frames, shape.keyframes
        if kind == "whole" and not frames and medium.kind != "picture" and self.holds.spans and not self.holds.whole_files:
            self.losses.note("time", "is of the whole file, and gets its begin and end")
            frames, keyframes = (0.0, max(0.0, medium.duration_s or 0.0)), ((), ())
        if medium.kind == "video":
            timed = self._timed(kind, frames, keyframes)
            if timed is None:
                return None
            frames, keyframes = timed
        elif frames and not (self.holds.spans and kind == "whole" and len(frames) == 2):
            keyframes = tuple(numbers for numbers in keyframes if numbers or kind == "whole")[:1]
            frames = ()
            self.losses.note("time", "the time inside the file is not held")
            if not keyframes:
                return None
        found = self._kind(kind, keyframes, medium)
        if found is None:
            return None
        kind, keyframes = found
        if kind == "whole" and frames and not self.holds.spans:
            self.losses.note("time", "the time inside the file is not held")
            frames, keyframes = (), ((),)
        if self.holds.on_frames and frames:
            frames, keyframes = self._on_frames(frames, keyframes, rate_of(medium), known=medium.frame_rate_hz)
        if self.holds.whole_pixels:
            keyframes = self._rounded(keyframes)
        if self.holds.inside:
            inside = self._inside(kind, keyframes, medium)
            if inside is None:
                return None
            keyframes = inside
        if kind == shape.kind and frames == shape.frames and keyframes == shape.keyframes:
            return shape
        return Shape(kind, keyframes, frames)

    def _timed(
        self, kind: ShapeKind, frames: tuple[float, ...], keyframes: tuple[Numbers, ...]
    ) -> tuple[tuple[float, ...], tuple[Numbers, ...]] | None:
        """Times and keyframes in a video, with gaps only between two keyframes at the time of the first."""
        if not frames:
            if kind == "whole" and self.holds.whole_files:
                return frames, keyframes
            self.losses.note("time", "has no time, and is put at the begin of the video")
            return (0.0,), keyframes
        if kind == "whole" or all(keyframes):
            return frames, keyframes
        pairs: list[tuple[float, Numbers]] = []
        for time, numbers in zip(frames, keyframes, strict=True):
            if numbers:
                pairs.append((time, numbers))
            elif pairs and pairs[-1][1]:
                if pairs[-1][0] < time:
                    pairs.append((time, pairs[-1][1]))  # until then it is to be seen
                pairs.append((time, ()))
        if pairs and not pairs[-1][1]:
            pairs.pop()
        if not self.holds.gaps and any(not numbers for _, numbers in pairs):
            self.losses.note("gap", "spans in which it is out of sight are not held")
            pairs = [pair for pair in pairs if pair[1]]
        if not pairs:
            self.losses.note("gap", "is never to be seen, and was left out")
            return None
        return tuple(time for time, _ in pairs), tuple(numbers for _, numbers in pairs)

    def _kind(
        self, kind: ShapeKind, keyframes: tuple[Numbers, ...], medium: Medium
    ) -> tuple[ShapeKind, tuple[Numbers, ...]] | None:
        held = self.holds.shapes
        if kind == "polygon":
            keyframes = tuple(opened(numbers) for numbers in keyframes)
        several = kind == "polygon" and any(any(map(math.isnan, numbers)) for numbers in keyframes)
        if several and not self._rings(keyframes):
            if "mask" in held and medium.kind == "picture":
                mask = mask_of(keyframes[0])
                if mask is not None:
                    self.losses.note("polygon", "has several rings, and becomes a mask of whole pixels")
                    return "mask", (mask,)
            if "polygon" in held:
                self.losses.note("polygon", "has several rings, of which only the largest is kept")
                return kind, tuple(joined([max(rings(numbers), key=area)]) if numbers else () for numbers in keyframes)
        if kind == "rotated_rectangle" and "rectangle" in held and all(numbers[4:] == (0.0,) for numbers in keyframes if numbers):
            return "rectangle", tuple(bounding_box(kind, numbers) or () for numbers in keyframes)
        if kind == "mask" and kind in held:
            return self._mask(keyframes, medium)
        if kind in held:
            return kind, keyframes
        if held == ("whole",):
            self.losses.note(kind, "becomes whole, where in the file it is, is not held")
            return "whole", ((),)
        for other in INSTEAD[kind]:
            if other in held:
                found = tuple(
                    substitute(kind, numbers, other, medium) if numbers or kind == "whole" else () for numbers in keyframes
                )
                if all(numbers is not None for numbers in found):
                    self.losses.note(kind, f"becomes {other.replace('_', ' ')}")
                    return other, tuple(numbers or () for numbers in found)
        self.losses.note(kind, "was left out, the target has no place for it")
        return None

    def _mask(self, keyframes: tuple[Numbers, ...], medium: Medium) -> tuple[ShapeKind, tuple[Numbers, ...]] | None:
        """A mask with the smallest box, cut at the border of the picture."""
        found: list[Numbers] = []
        for numbers in keyframes:
            if not numbers:
                found.append(())
                continue
            kept = cut_mask(numbers, medium.width, medium.height)
            if kept is None:
                self.losses.note("mask", "has no pixel in the picture or is too large, and was left out")
                return None
            if kept[1]:
                self.losses.note("coordinates", "reaches beyond the picture, and is cut at its border")
            found.append(kept[0])
        return "mask", tuple(found)

    def _rings(self, keyframes: tuple[Numbers, ...]) -> bool:
        """Whether the format holds these rings; parts that lie in each other are held only where holes are."""
        if self.holds.rings == "holes":
            return True
        return self.holds.rings == "parts" and not any(overlap(rings(numbers)) for numbers in keyframes)

    def _on_frames(
        self, frames: tuple[float, ...], keyframes: tuple[Numbers, ...], rate: float, *, known: float | None
    ) -> tuple[tuple[float, ...], tuple[Numbers, ...]]:
        if not known:
            self.losses.note("frame_rate_hz", f"is not known; {USUAL_RATE_HZ:g} frames a second were taken")
        times = [max(0, round(time * rate)) / rate for time in frames]
        if any(abs(time - given) > 1e-6 for time, given in zip(times, frames, strict=True)):
            self.losses.note("time", "is moved to the nearest frame of the video")
        kept = [at for at, time in enumerate(times) if not at or time > times[at - 1] or not keyframes[at]]
        if len(kept) < len(times):
            self.losses.note("time", "has several keyframes at the same frame, of which the first is kept")
        step = 1.5 / rate
        seen = [at for i, at in enumerate(kept) if keyframes[at] or (i + 1 < len(kept) and times[kept[i + 1]] - times[at] > step)]
        if len(seen) < len(kept):
            self.losses.note("gap", "is out of sight for less than a frame, which is not held")
        kept = seen
        return tuple(times[at] for at in kept), tuple(keyframes[at] for at in kept)

    def _rounded(self, keyframes: tuple[Numbers, ...]) -> tuple[Numbers, ...]:
        found = tuple(tuple(float(round(number)) for number in numbers) for numbers in keyframes)
        if found != keyframes:
            self.losses.note("coordinates", "is rounded to whole pixels")
        return found

    def _inside(self, kind: ShapeKind, keyframes: tuple[Numbers, ...], medium: Medium) -> tuple[Numbers, ...] | None:
        """Cut at the border of the picture: programs that train on such files refuse a picture with anything outside."""
        numbers = keyframes[0]
        width, height = float(medium.width or 0), float(medium.height or 0)
        if kind == "rotated_rectangle":
            return keyframes
        cut = tuple(min(max(number, 0.0), height if at % 2 else width) for at, number in enumerate(numbers))
        if cut == numbers:
            return keyframes
        if (len(set(cut[::2])) < 2 and len(set(numbers[::2])) > 1) or (len(set(cut[1::2])) < 2 and len(set(numbers[1::2])) > 1):
            self.losses.note("coordinates", "lies outside the picture, and was left out")
            return None
        self.losses.note("coordinates", "reaches beyond the picture, and is cut at its border")
        return (cut,)
