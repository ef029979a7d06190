"""Files become media of a project, and are found again after they have moved."""

from __future__ import annotations

import hashlib
import logging
import shutil
from collections import defaultdict
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING

from imagine_kernels import settings
from imagine_kernels.errors import DataError, DataNotFound, NotEnoughSpace
from imagine_kernels.files import Files, plain_name
from imagine_kernels.media.viewing import described, kind_of, natural
from imagine_kernels.records import Medium

if TYPE_CHECKING:
    from imagine_kernels.annotation import Project
    from imagine_kernels.apps.annotate.places import Places

_log = logging.getLogger(__name__)

Progress = Callable[[int, int, str], None]

#: Media are added by so many, and can be seen then.
_AT_ONCE = 50
_PIECE = 1024**2
_FREE_BYTES = 50_000_000
#: Where a whole folder has moved, the content of so many files is compared; then their names are trusted.
_COMPARED = 50


@dataclass
class Added:
    """What became of files: how many media are new, and what was wrong."""

    added: int = 0
    problems: list[str] = field(default_factory=list)


def media_in(folder: Path) -> list[str]:
    """The names of the media in a folder and those below it, in the order of people.

    Raises
    ------
    DataNotFound
        There are none.
    """
    names = [name for name in Files(folder).names() if kind_of(name) is not None]
    if not names:
        raise DataNotFound.empty(folder, "pictures, videos or recordings")
    return sorted(names, key=natural)


@dataclass(frozen=True)
class Source:
    """Media to be added: those of a folder, or only the ones of these names in it."""

    folder: Path
    names: tuple[str, ...] = ()


def add_source(project: Project, places: Places, source: Source, progress: Progress) -> Added:
    """Add the media of a folder; broken files are told, the others are added."""
    from imagine_kernels.annotation.queue import names_of

    folder = source.folder
    names = list(source.names) or media_in(folder)
    prefix = places.prefix(folder)
    if prefix is None:
        # A second folder with the same names inside stands under its own name.
        prefix = f"{folder.name}/" if places.folders and names_of(project, names=names[:_AT_ONCE]) else ""
    places.add(prefix, folder)
    found = Added()
    done = 0
    with ThreadPoolExecutor(max_workers=4, thread_name_prefix="imagine-hash") as readers:
        for part in _parts(names, _AT_ONCE):
            read = list(readers.map(lambda name: _read(folder / name, f"{prefix}{name}"), part))
            media: dict[str, Medium] = {}
            elsewhere: dict[str, Path] = {}
            for name, each in zip(part, read, strict=True):
                if isinstance(each, str):
                    found.problems.append(each)
                elif each.sha256 in media:
                    found.problems.append(f"{name} has the same content as {media[each.sha256].name}: it was left out.")
                else:
                    media[each.sha256] = each
            known = names_of(project, keys=list(media))
            taken = names_of(project, names=[medium.name for sha, medium in media.items() if sha not in known])
            for sha, name in known.items():
                if media[sha].name != name:
                    elsewhere[name] = folder / media[sha].name.removeprefix(prefix)
                    found.problems.append(f"{media[sha].name} is in the project already, as {name}: it was not added again.")
            fresh = [medium for sha, medium in media.items() if sha not in known and medium.name not in taken]
            found.problems += [
                f"The project has another {name}, with other content: give the new file another name." for name in taken
            ]
            found.added += project.add_media(fresh)
            places.put(elsewhere)
            done += len(part)
            progress(done, len(names), "Reading the files")
    return found


def unpacked(given: Path, target: Path, progress: Progress) -> Source:
    """The media in a zip, or a single file, put below `target`.

    Raises
    ------
    UnsafeArchive, FormatError, DataNotFound
        See `Files`; or there are no media in it.
    NotEnoughSpace
        There is no room for them.
    """
    with Files(given) as files:
        names = sorted((name for name in files.names() if kind_of(name) is not None), key=natural)
        if not names:
            raise DataNotFound.empty(given.name, "pictures, videos or recordings")
        if not files.is_zip:
            # All files that come one by one lie together.
            place = _free(target / "files" / given.name)
            with settings.writing(place):
                place.parent.mkdir(parents=True, exist_ok=True)
                _copy(files, given.name, place)
            return Source(place.parent, (place.name,))
        folder = _free(target / plain_name(given.stem))
        with settings.writing(folder):
            folder.mkdir(parents=True)
            try:
                for done, name in enumerate(names):
                    place = folder / name
                    place.parent.mkdir(parents=True, exist_ok=True)
                    _copy(files, name, place)
                    progress(done + 1, len(names), "Unpacking")
            except BaseException:
                shutil.rmtree(folder, ignore_errors=True)
                raise
    return Source(folder)


def find_again(project: Project, places: Places, folder: Path, progress: Progress) -> int:
    """Look for the files of the project that are missing, by name and then by content; the number of those found is given back."""
    missing = [medium for medium in _all_media(project) if places.find(medium.name) is None]
    names = [name for name in Files(folder).names() if kind_of(name) is not None]
    by_end: dict[str, list[str]] = defaultdict(list)
    for name in names:
        by_end[PurePosixPath(name).name.lower()].append(name)
    found: dict[str, Path] = {}
    used: set[str] = set()
    hashes: dict[str, str] = {}
    n_compared = 0

    def hash_of(name: str) -> str:
        if name not in hashes:
            hashes[name] = sha256_of(folder / name)
        return hashes[name]

    for i, medium in enumerate(missing):
        progress(i, len(missing), "Looking for the files by name")
        candidates = [name for name in by_end[PurePosixPath(medium.name).name.lower()] if kind_of(name) == medium.kind]
        candidates.sort(key=lambda name: -_common_end(name, medium.name))
        for name in candidates:
            whole = name == medium.name and n_compared >= _COMPARED
            if not medium.sha256 or whole or hash_of(name) == medium.sha256:
                n_compared += name == medium.name
                found[medium.name] = folder / name
                used.add(name)
                break
    left = {medium.sha256: medium.name for medium in missing if medium.sha256 and medium.name not in found}
    if left:
        rest = [name for name in names if name not in used]
        for i, name in enumerate(rest):
            progress(i, len(rest), "Looking for the files by content")
            medium_name = left.pop(hash_of(name), None)
            if medium_name is not None:
                found[medium_name] = folder / name
            if not left:
                break
    progress(1, 1, "Looking for the files")
    if len(found) > _COMPARED and all(path == folder / name for name, path in found.items()):
        places.add("", folder)
    else:
        places.put(found)
    return len(found)


def sha256_of(path: Path) -> str:
    """The hash of the content of a file.

    Raises
    ------
    DataError
        It cannot be read.
    """
    try:
        with path.open("rb") as stream:
            return hashlib.file_digest(stream, "sha256").hexdigest()
    except OSError as error:
        raise DataError(f"{path.name} cannot be read ({error.strerror}): check its permissions.") from None


def _read(path: Path, name: str) -> Medium | str:
    """The medium, or what is wrong with it."""
    try:
        return replace(described(path, name), sha256=sha256_of(path))
    except DataError as error:
        return str(error)
    except Exception as error:  # one file, whatever is wrong with it, never keeps the others out
        _log.exception("%s could not be read", path)
        return f"{name} was left out ({type(error).__name__}: {error}): check the file."


def _all_media(project: Project) -> Iterator[Medium]:
    after = ""
    while part := project.media(limit=2000, after=after):
        yield from (shown.medium for shown in part)
        after = part[-1].medium.name


def _common_end(one: str, other: str) -> int:
    n = 0
    for a, b in zip(reversed(PurePosixPath(one).parts), reversed(PurePosixPath(other).parts), strict=False):
        if a.lower() != b.lower():
            break
        n += 1
    return n


def _parts(names: list[str], n: int) -> Iterator[list[str]]:
    for begin in range(0, len(names), n):
        yield names[begin : begin + n]


def _copy(files: Files, name: str, place: Path) -> None:
    with files.open(name) as source, place.open("wb") as copy:
        while piece := source.read(_PIECE):
            if shutil.disk_usage(place.parent).free < len(piece) + _FREE_BYTES:
                raise NotEnoughSpace(f"There is no room for {name} in {place.parent}: free some space first.")
            copy.write(piece)


def _free(place: Path) -> Path:
    first, n = place, 2
    while place.exists():
        place, n = first.with_name(f"{first.stem}-{n}{first.suffix}"), n + 1
    return place
