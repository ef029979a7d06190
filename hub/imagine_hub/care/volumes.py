"""The homes of containers: volumes of the engine, read and written through a container that is made and never started."""

from __future__ import annotations

import hashlib
import tarfile
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any

from imagine_hub.errors import EngineError
from imagine_hub.spawners.container import home_of
from imagine_hub.spawners.engine import connect

if TYPE_CHECKING:
    import docker

    from imagine_hub.settings import Settings

PLACE = "volume"
PIECE = 1024 * 1024


def names(settings: Settings, client: docker.APIClient) -> list[str]:
    """The volumes that are homes, by name."""
    start = home_of(settings.replace("containers", homes=""), "")
    found = client.volumes(filters={"name": start})["Volumes"] or ()
    return sorted(item["Name"] for item in found if item["Name"].startswith(start))


def copies(settings: Settings, target: Path) -> Iterator[tuple[str, bool]]:
    """Copy one volume after the other to the same file, as a tar with owners and permissions.

    Yields
    ------
    tuple of str and bool
        Name of the volume that lies in the file now, and whether a container was using it.

    Raises
    ------
    EngineError
        The engine does not answer, or has no image to make a container of; or homes lie on other machines.
    """
    if settings.servers.spawner == "swarm" and settings.containers.homes:
        # Files of a folder that all machines share, and no volumes.
        return
    if settings.servers.spawner != "docker":
        raise EngineError(
            f'With servers.spawner = "{settings.servers.spawner}" homes lie where --volumes cannot see them: back them up on each '
            "machine, or with the snapshots of the storage, and leave --volumes out."
        )
    if settings.containers.homes:
        return
    client = connect(settings)
    try:
        for name in names(settings, client):
            used = bool(client.containers(filters={"volume": name, "status": "running"}))
            with target.open("wb") as file:
                for piece in content(settings, client, name):
                    file.write(piece)
            yield name, used
    finally:
        client.close()


def content(settings: Settings, client: docker.APIClient, name: str) -> Iterator[bytes]:
    """One volume as a tar, piece by piece."""
    with _container(settings, client, name, read_only=True) as made:
        stream, _ = client.get_archive(made, f"/{PLACE}", chunk_size=PIECE)
        yield from stream


def put(settings: Settings, client: docker.APIClient, name: str, source: IO[bytes]) -> None:
    """Make a volume with the content of a tar; the engine does not let it write anywhere else.

    Raises
    ------
    EngineError
        It is there already, or the engine refuses.
    """
    import docker

    if name in names(settings, client):
        raise EngineError(f"The volume {name} is there already: remove it with `docker volume rm {name}` if nobody needs it.")
    try:
        client.create_volume(name)
        try:
            with _container(settings, client, name, read_only=False) as made:
                client.put_archive(made, "/", source)
        except BaseException:
            client.remove_volume(name, force=True)
            raise
    except docker.errors.APIError as error:
        raise EngineError(
            f"The volume {name} cannot be restored ({error.explanation or error}): see the log of the engine."
        ) from error


def digest(pieces: Iterator[bytes] | IO[bytes]) -> str:
    """What a tar of a volume holds, as one hash: names, kinds, owners, permissions and contents, not times of folders."""
    digest = hashlib.sha256()
    stream: Any = pieces if hasattr(pieces, "read") else _Stream(pieces)
    lines = []
    with tarfile.open(fileobj=stream, mode="r|") as tar:
        for info in tar:
            file = tar.extractfile(info) if info.isreg() else None
            sha256 = hashlib.file_digest(file, "sha256").hexdigest() if file else ""  # type: ignore[arg-type]
            lines.append(
                f"{info.name.rstrip('/')} {info.type!r} {info.uid} {info.gid} {info.mode & 0o7777:o} {info.linkname} {info.size} {sha256}"
            )
    for line in sorted(lines):
        digest.update(line.encode(errors="surrogateescape") + b"\n")
    return digest.hexdigest()


class _Stream:
    """Pieces as a file to read."""

    def __init__(self, pieces: Iterator[bytes]) -> None:
        self._pieces = pieces
        self._left = b""

    def read(self, size: int) -> bytes:
        while len(self._left) < size and (piece := next(self._pieces, b"")):
            self._left += piece
        given, self._left = self._left[:size], self._left[size:]
        return given


@contextmanager
def _container(settings: Settings, client: docker.APIClient, volume: str, *, read_only: bool) -> Iterator[str]:
    """A container with the volume in it. It runs nothing: the engine itself reads and writes its files."""
    import docker

    config = client.create_host_config(
        binds={volume: {"bind": f"/{PLACE}", "mode": "ro" if read_only else "rw"}}, network_mode="none"
    )
    try:
        made = client.create_container(
            settings.containers.image,
            ["true"],
            host_config=config,
            name=f"imagine-care-{uuid.uuid4().hex[:12]}",
            volumes=[f"/{PLACE}"],
        )["Id"]
    except docker.errors.ImageNotFound as error:
        raise EngineError(
            f"The image {settings.containers.image} is not on this machine, and volumes are read through it: build or pull it."
        ) from error
    try:
        yield made
    finally:
        client.remove_container(made, force=True)
