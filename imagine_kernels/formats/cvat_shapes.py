"""The shapes of CVAT's XML, which its files of pictures and of videos share."""

from __future__ import annotations

from typing import Any
from xml.sax.saxutils import escape, quoteattr

from imagine_kernels.errors import DataError
from imagine_kernels.formats import rle
from imagine_kernels.formats.holds import number_text, text_of, value_of
from imagine_kernels.formats.reading import numbers_of
from imagine_kernels.formats.substitutes import opened
from imagine_kernels.records import Annotation, Label, ShapeKind
from imagine_kernels.records.shapes import Numbers

#: Elements that are shapes.
SHAPES = ("box", "polygon", "polyline", "points", "ellipse", "mask", "skeleton", "cuboid")
#: Attributes of the element itself that become values of the annotation.
_FLAGS = ("occluded", "z_order", "group_id")


def numbers_in(element: Any) -> tuple[ShapeKind, Numbers]:
    """Kind and numbers of a shape.

    Raises
    ------
    DataError
        They are missing, or no shape.
    """
    get = element.get
    kind = element.tag
    if kind == "box":
        x0, y0, x1, y1 = numbers_of([get("xtl"), get("ytl"), get("xbr"), get("ybr")])
        degrees = numbers_of([get("rotation") or 0])[0]
        if degrees:
            return "rotated_rectangle", ((x0 + x1) / 2, (y0 + y1) / 2, x1 - x0, y1 - y0, degrees)
        return "rectangle", (x0, y0, x1, y1)
    if kind == "ellipse":
        return "ellipse", numbers_of([get("cx"), get("cy"), get("rx"), get("ry"), get("rotation") or 0])
    if kind == "mask":
        left, top, width, height = (int(n) for n in numbers_of([get(side) for side in ("left", "top", "width", "height")]))
        counts = [int(n) for n in numbers_of([text for text in (get("rle") or "").split(",") if text.strip()])]
        return "mask", rle.from_lines(counts, left, top, width, height)
    if kind == "skeleton":
        found: list[float] = []
        for point in element.iterfind("points"):
            seen = 0 if point.get("outside") == "1" else 1 if point.get("occluded") == "1" else 2
            found += (*_points(point), float(seen))
        return "keypoints", tuple(found)
    if kind in ("polygon", "polyline", "points"):
        numbers = _points(element)
        if kind == "polygon":
            return "polygon", opened(numbers)
        if kind == "polyline":
            return "line", numbers
        if len(numbers) == 2:
            return "point", numbers
        return "keypoints", tuple(n for at in range(0, len(numbers), 2) for n in (*numbers[at : at + 2], 2.0))
    raise DataError(f"there is no place for a {kind}")


def _points(element: Any) -> Numbers:
    pairs = [pair.split(",") for pair in (element.get("points") or "").split(";") if pair]
    if any(len(pair) != 2 for pair in pairs):
        raise DataError("its points are no pairs of numbers")
    return numbers_of([number for pair in pairs for number in pair])


def values_in(element: Any) -> dict[str, str | float | bool]:
    """Further values of a shape."""
    found: dict[str, str | float | bool] = {}
    for flag in _FLAGS:
        text = element.get(flag)
        if text not in (None, "", "0"):
            found[flag] = text == "1" if flag == "occluded" else value_of(text)
    for attribute in element.iterfind("attribute"):
        found[str(attribute.get("name") or "_")] = value_of((attribute.text or "").strip())
    return found


def element_text(kind: ShapeKind, numbers: Numbers, annotation: Annotation, extra: str, *, values: bool = True) -> str:
    """The element of a shape."""
    further = dict(annotation.attributes) if values else {}
    occluded = further.get("occluded") is True
    if occluded:
        del further["occluded"]
    flags = f' occluded="{int(occluded)}"{extra}'
    for flag in ("z_order", "group_id"):
        value = further.get(flag)
        if isinstance(value, float) and value == int(value) and value > 0:
            flags += f' {flag}="{int(value)}"'
            del further[flag]
    inner = "".join(f"<attribute name={quoteattr(name)}>{escape(text_of(value))}</attribute>" for name, value in further.items())
    if kind == "keypoints":
        for at in range(0, len(numbers), 3):
            x, y, seen = numbers[at : at + 3]
            point = f"{number_text(x)},{number_text(y)}"
            state = f'outside="{int(seen == 0)}" occluded="{int(seen == 1)}"'
            inner += f'<points label="{at // 3 + 1}" {state} points="{point}"></points>'
    tag, place = _place(kind, numbers)
    return f"<{tag}{flags}{place}>{inner}</{tag}>"


def _place(kind: ShapeKind, numbers: Numbers) -> tuple[str, str]:
    if kind in ("rectangle", "rotated_rectangle"):
        turn = ""
        if kind == "rotated_rectangle":
            x, y, width, height, degrees = numbers
            numbers = (x - width / 2, y - height / 2, x + width / 2, y + height / 2)
            turn = f' rotation="{number_text(degrees % 360)}"' if degrees % 360 else ""
        sides = zip(("xtl", "ytl", "xbr", "ybr"), numbers, strict=True)
        return "box", "".join(f' {side}="{number_text(number)}"' for side, number in sides) + turn
    if kind == "ellipse":
        sides = zip(("cx", "cy", "rx", "ry"), numbers[:4], strict=True)
        turn = f' rotation="{number_text(numbers[4] % 360)}"' if numbers[4] % 360 else ""
        return "ellipse", "".join(f' {side}="{number_text(number)}"' for side, number in sides) + turn
    if kind == "mask":
        sides = zip(("left", "top", "width", "height"), numbers[:4], strict=True)
        runs = ", ".join(map(str, rle.to_lines(numbers)))
        return "mask", f' rle="{runs}"' + "".join(f' {side}="{number:.0f}"' for side, number in sides)
    if kind == "keypoints":
        return "skeleton", ""
    tag = {"polygon": "polygon", "line": "polyline", "point": "points"}[kind]
    pairs = zip(numbers[::2], numbers[1::2], strict=True)
    return tag, ' points="' + ";".join(f"{number_text(x)},{number_text(y)}" for x, y in pairs) + '"'


def meta_text(labels: list[Label], mode: str, size: int, further: str = "") -> str:
    """The head of a file."""
    lines = [
        f"<label><name>{escape(label.name)}</name>"
        + (f"<color>{escape(label.color)}</color>" if label.color else "")
        + "<type>any</type><attributes></attributes></label>"
        for label in labels
    ]
    return (
        '<?xml version="1.0" encoding="utf-8"?>\n<annotations>\n<version>1.1</version>\n<meta>\n<task>'
        f"<size>{size}</size><mode>{mode}</mode>\n<labels>\n" + "\n".join(lines) + f"\n</labels>{further}</task>\n</meta>\n"
    )
