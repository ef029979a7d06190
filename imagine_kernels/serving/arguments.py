"""The arguments of a request: from the query, a form or a multipart upload, checked against what the call takes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from aiohttp import BodyPartReader, web

from imagine_kernels.errors import ImagineError, SettingError
from imagine_kernels.files import safe_name
from imagine_kernels.serving.service import Argument
from imagine_kernels.settings import writing

#: Longest value of an argument that is no file (bytes).
MAX_VALUE = 10_000
_CHUNK = 2**18


class InvalidArguments(ImagineError):
    """Arguments that cannot be taken, with a list of sentences for each, as DEEPaaS answers them."""

    def __init__(self, messages: Mapping[str, Sequence[str]]) -> None:
        super().__init__("; ".join(f"{name}: {' '.join(said)}" for name, said in messages.items()))
        self.messages = {name: list(said) for name, said in messages.items()}


@dataclass(frozen=True, kw_only=True)
class Received:
    """What a request has brought.

    Attributes
    ----------
    arguments : tuple of Argument
    values : dict
        A value for every argument; the default where none was given.
    given : frozenset of str
        Names of those that were given.
    upload : Path or None
        The uploaded file, or the folder of several.
    """

    arguments: tuple[Argument, ...]
    values: dict[str, Any]
    given: frozenset[str]
    upload: Path | None

    @property
    def shown(self) -> str | None:
        """The data by the name that the caller knows."""
        return self.upload.name if self.upload is not None else self.values.get("data")


async def receive(request: web.Request, arguments: Sequence[Argument], folder: Path, max_upload: int) -> Received:
    """Read a request; uploaded files are written to `folder` as they come.

    Raises
    ------
    InvalidArguments
        An argument is unknown or cannot be taken.
    HTTPRequestEntityTooLarge
        The upload is larger than `max_upload` bytes.
    """
    texts: dict[str, str] = dict(request.query)
    uploads: list[Path] = []
    if request.content_type == "multipart/form-data":
        left = max_upload
        async for part in await request.multipart():
            if not isinstance(part, BodyPartReader) or part.name is None:
                continue
            if part.filename is None:
                texts[part.name] = await _text(part)
            elif part.filename or part.headers.get("Content-Length") != "0":
                file = _free(folder, safe_name(part.filename))
                left -= await _saved(part, file, left, max_upload)
                if part.name != "data":
                    file.unlink()
                    raise InvalidArguments({part.name: ["This argument is no file; files are sent as data."]})
                if part.filename:
                    uploads.append(file)
                else:
                    # A form whose file was not chosen sends a nameless empty one.
                    file.unlink()
    elif request.content_type == "application/x-www-form-urlencoded":
        texts |= {name: str(value) for name, value in (await request.post()).items()}
    elif request.can_read_body and request.content_length != 0:
        raise InvalidArguments({"data": ["Send files as multipart/form-data in the field data."]})
    upload = None if not uploads else uploads[0] if len(uploads) == 1 else folder
    known = {argument.name: argument for argument in arguments}
    values, wrong = {argument.name: argument.default for argument in arguments}, {}
    for name, text in texts.items():
        if name not in known:
            wrong[name] = [f"Unknown argument; known: {', '.join(known)}."]
        elif text != "":
            try:
                values[name] = known[name].read(text)
            except SettingError as error:
                wrong[name] = [str(error)]
    if wrong:
        raise InvalidArguments(wrong)
    return Received(
        arguments=tuple(arguments), values=values, given=frozenset(name for name in texts if texts[name]), upload=upload
    )


async def _text(part: BodyPartReader) -> str:
    data = bytearray()
    while chunk := await part.read_chunk(_CHUNK):
        data += chunk
        if len(data) > MAX_VALUE:
            raise InvalidArguments({str(part.name): ["The value is too long."]})
    return data.decode("utf-8", errors="replace")


async def _saved(part: BodyPartReader, file: Path, left: int, most: int) -> int:
    written = 0
    with writing(file):
        file.parent.mkdir(parents=True, exist_ok=True)
        with file.open("wb") as stream:
            while chunk := await part.read_chunk(_CHUNK):
                written += len(chunk)
                if written > left:
                    raise web.HTTPRequestEntityTooLarge(
                        max_size=most,
                        actual_size=written,
                        text=f"The upload is larger than {most / 1e6:.0f} MB: send it in parts.",
                    )
                stream.write(chunk)
    return written


def _free(folder: Path, name: str) -> Path:
    """A path in `folder` that is not taken yet."""
    target, n = folder / name, 2
    while target.exists():
        target, n = folder / f"{Path(name).stem}-{n}{Path(name).suffix}", n + 1
    return target
