"""What the homes of the users take on disk."""

from __future__ import annotations

import os
from pathlib import Path

BLOCK = 512


def sizes_of_homes(homes: Path) -> dict[str, int]:
    """Bytes on disk by user, for homes that are folders.

    Links are not followed, a file with two names counts once, and a file with holes for what it really takes.
    """
    try:
        with os.scandir(homes) as entries:
            folders = [entry for entry in entries if entry.is_dir(follow_symlinks=False)]
    except OSError:
        return {}
    return {entry.name: _size(entry.path) for entry in folders}


def _size(folder: str) -> int:
    total = 0
    seen: set[int] = set()
    left = [folder]
    while left:
        try:
            with os.scandir(left.pop()) as entries:
                for entry in entries:
                    about = entry.stat(follow_symlinks=False)
                    if about.st_nlink > 1 and not entry.is_dir(follow_symlinks=False):
                        if about.st_ino in seen:
                            continue
                        seen.add(about.st_ino)
                    total += about.st_blocks * BLOCK
                    if entry.is_dir(follow_symlinks=False):
                        left.append(entry.path)
        except OSError:
            # Removed while it was being read, or closed to us.
            continue
    return total
