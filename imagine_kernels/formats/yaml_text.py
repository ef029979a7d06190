"""YAML without what can be used to attack: plain values only, no aliases, of a bounded size."""

from __future__ import annotations

from typing import Any

from imagine_kernels.errors import FormatError
from imagine_kernels.files import Files
from imagine_kernels.formats.streams import UNREADABLE

#: A larger YAML is refused (bytes): all of it must be in memory.
MAX_YAML = 128 * 1024**2


def read_yaml(files: Files, name: str) -> Any:
    """What a YAML holds.

    Raises
    ------
    FormatError
        It is no YAML, is too large, or uses aliases, with which a small file can grow without end.
    """
    import yaml

    class Loader(yaml.SafeLoader):
        def compose_node(self, parent: Any, index: Any) -> Any:
            if self.check_event(yaml.events.AliasEvent):
                raise FormatError(f"{name} uses aliases, which are refused: write the values out.")
            return super().compose_node(parent, index)

    try:
        with files.open(name) as file:
            data = file.read(MAX_YAML + 1)
        if len(data) > MAX_YAML:
            raise FormatError(f"{name} is too large for a YAML: write it as JSON.")
        return yaml.load(data.decode("utf-16" if data[:2] in (b"\xff\xfe", b"\xfe\xff") else "utf-8-sig"), Loader)  # noqa: S506 - a SafeLoader
    except UnicodeDecodeError:
        raise FormatError(f"{name} is not UTF-8: save it so.") from None
    except (yaml.YAMLError, RecursionError, ValueError, TypeError, *UNREADABLE) as error:
        why = str(error).split("\n", 1)[0]
        raise FormatError(f"{name} cannot be read as YAML ({why}): export it again.") from None
