"""XML read element by element, without what can be used to attack."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from typing import Any

from imagine_kernels.errors import FormatError
from imagine_kernels.files import Files
from imagine_kernels.formats.streams import UNREADABLE

#: Elements may lie in each other so deep.
MAX_DEPTH = 64


def elements(files: Files, name: str, wanted: Collection[str]) -> Iterator[Any]:
    """Each element of a wanted name when it is read to its end; what was read is given free.

    Raises
    ------
    FormatError
        It is not whole XML, is nested absurdly deep, or declares entities.
    """
    from xml.etree.ElementTree import ParseError

    from defusedxml.common import DefusedXmlException
    from defusedxml.ElementTree import iterparse

    depth, inside = 0, 0
    root: Any = None
    try:
        with files.open(name) as file:
            for event, element in iterparse(file, events=("start", "end"), forbid_dtd=False):
                if event == "start":
                    depth += 1
                    root = element if root is None else root
                    inside += element.tag in wanted
                    if depth > MAX_DEPTH:
                        raise FormatError(f"{name} is nested more than {MAX_DEPTH} elements deep: export it again.")
                    continue
                depth -= 1
                if element.tag in wanted:
                    inside -= 1
                    if not inside:
                        yield element
                        element.clear()
                if not inside and depth <= 1:
                    root.clear()
    except DefusedXmlException:
        raise FormatError(f"{name} declares entities, which are refused: export it again without them.") from None
    except (ParseError, LookupError, ValueError, *UNREADABLE) as error:
        raise FormatError(f"{name} is not whole XML ({error}): export it again.") from None
