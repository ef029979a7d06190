"""JSON read piece by piece: the entries of a long array or object one after the other, with the memory of one.

The entries themselves are read by the parser of the standard library, which is faster than an event for every number.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any, TextIO

from imagine_kernels.errors import FormatError
from imagine_kernels.files import Files
from imagine_kernels.formats.streams import PIECE, open_text

#: An entry of more characters is refused.
MAX_ENTRY = 512 * 1024**2
_SPACE = re.compile(r"[ \t\r\n]*")


def _constant(_: str) -> None:
    """NaN and the infinities are no JSON: nothing."""


class _Reader:
    """A text of which the part that is being looked at is in memory."""

    def __init__(self, text: TextIO, name: str) -> None:
        self._text, self.name = text, name
        decoder = json.JSONDecoder(parse_constant=_constant)
        self._scan = decoder.scan_once  # type: ignore[attr-defined]  # what `raw_decode` calls
        self._held, self._at = "", 0

    def _more(self, size: int = PIECE) -> bool:
        piece = self._text.read(size)
        self._held, self._at = self._held[self._at :] + piece, 0
        return bool(piece)

    def peek(self) -> str:
        """The next character that is no space, or nothing at the end."""
        at = self._at
        if at < len(self._held) and self._held[at] > " ":  # as nearly always
            return self._held[at]
        while True:
            found = _SPACE.match(self._held, self._at)
            self._at = found.end() if found else self._at
            if self._at < len(self._held):
                return self._held[self._at]
            if not self._more():
                return ""

    def expect(self, letters: str) -> str:
        """Step over the next character, which is one of these."""
        found = self.peek()
        if not found or found not in letters:
            raise FormatError(f"{self.name} is not whole JSON ({found or 'its end'} instead of {letters!r}): export it again.")
        self._at += 1
        return found

    def value(self) -> Any:
        """The next value."""
        self.peek()
        size = PIECE
        while True:
            try:
                found, end = self._scan(self._held, self._at)
            except (json.JSONDecodeError, StopIteration) as error:
                if isinstance(error, StopIteration):
                    error = json.JSONDecodeError("Expecting value", self._held, error.value)
                # What is cut off fails at the end of what is held, or in a text that begins anywhere before.
                cut = error.pos > len(self._held) - 64 or error.msg.startswith("Unterminated string")
                if len(self._held) - self._at > MAX_ENTRY:
                    raise FormatError(f"{self.name} holds an entry of more than 512 MB: split it.") from None
                size *= 2
                if not cut or not self._more(size):
                    raise FormatError(f"{self.name} is not whole JSON ({error.msg}): export it again.") from None
                continue
            except (RecursionError, ValueError, OverflowError) as error:
                why = "it is nested too deep" if isinstance(error, RecursionError) else "a number is too long"
                raise FormatError(f"{self.name} cannot be read as JSON ({why}): export it again.") from None
            if end < len(self._held):
                self._at = end
                return found
            if not self._more():  # else a number may go on in the next piece
                self._at = len(self._held)
                return found


def entries(files: Files, name: str, encoding: str, *, inside: str | None = None) -> Iterator[Any]:
    """The entries of the outermost array, or of the array (or object, then key and value) under the key `inside`."""
    with open_text(files, name, encoding) as text:
        reader = _Reader(text, name)
        if inside is None:
            yield from _each(reader)
            return
        for key in _keys(reader):
            if key == inside:
                yield from _each(reader)
                return
            _skip(reader)


def parts(files: Files, name: str, encoding: str, *, long: frozenset[str]) -> Iterator[tuple[str, Any]]:
    """Key and value of the outermost object; under the keys in `long` each entry of the array or object by itself."""
    with open_text(files, name, encoding) as text:
        reader = _Reader(text, name)
        for key in _keys(reader):
            if key in long and reader.peek() in ("[", "{"):
                for entry in _each(reader):
                    yield key, entry
            else:
                yield key, reader.value()


def _keys(reader: _Reader) -> Iterator[str]:
    reader.expect("{")
    if reader.peek() == "}":
        reader.expect("}")
        return
    while True:
        if reader.peek() != '"':
            reader.expect('"')
        key = reader.value()
        reader.expect(":")
        yield key
        if reader.expect(",}") == "}":
            return


def _each(reader: _Reader) -> Iterator[Any]:
    if reader.peek() == "{":
        for key in _keys(reader):
            yield key, reader.value()
        return
    reader.expect("[")
    if reader.peek() == "]":
        reader.expect("]")
        return
    while True:
        yield reader.value()
        if reader.expect(",]") == "]":
            return


def _skip(reader: _Reader) -> None:
    """Step over a value, entry by entry where it is long."""
    if reader.peek() in ("[", "{"):
        for _ in _each(reader):
            pass
    else:
        reader.value()
