"""A use case, declared: source × task × measures × formats.

A use case is one frozen value in one module of `imagine_kernels.use_cases`. It names functions and settings and holds no logic of its own:
`imagine_kernels.workflow` is the one place where a declaration meets media, task, measures and formats.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from imagine_kernels.errors import SettingError, UnknownName
from imagine_kernels.records import Confusion, Measurements, Predictions, Problem, Progress, Sample
from imagine_kernels.records.cuts import Lines


@dataclass(frozen=True, slots=True, kw_only=True)
class Setting:
    """One value that the user may set with ``--set NAME=VALUE`` or in the app.

    Attributes
    ----------
    name : str
    default : bool, int, float, str or None
        None means "not known": what the data say is used.
    kind : type
        What the value is read as.
    unit : str
        Printed after the value; empty for numbers without unit.
    help : str
        One sentence.
    minimum, maximum : float or None
        Bounds, inclusive.
    names_file : bool
        The value is the path of a file, which callers from elsewhere may not choose and people only where they may look.
    """

    name: str
    default: bool | int | float | str | None
    kind: type[bool] | type[int] | type[float] | type[str]
    unit: str = ""
    help: str = ""
    minimum: float | None = None
    maximum: float | None = None
    names_file: bool = False

    def read(self, value: Any) -> Any:
        """`value` as this setting takes it; raises `SettingError` where it cannot."""
        if value is None or (value == "" and self.default is None):
            return None
        try:
            if self.kind is bool:
                read: Any = _BOOLEANS[str(value).strip().lower()]
            else:
                read = self.kind(value)
        except (ValueError, KeyError, TypeError):
            raise SettingError(f"The setting {self.name} takes {_KINDS[self.kind]}, not {value!r}.") from None
        if isinstance(read, float) and math.isnan(read):
            raise SettingError(f"The setting {self.name} takes {_KINDS[self.kind]}, not {value!r}.")
        if (self.minimum is not None and read < self.minimum) or (self.maximum is not None and read > self.maximum):
            low = "" if self.minimum is None else f" from {self.minimum:g}"
            high = "" if self.maximum is None else f" up to {self.maximum:g}"
            raise SettingError(f"The setting {self.name} takes values{low}{high} {self.unit}".rstrip() + f", not {value}.")
        return read


_BOOLEANS = {"true": True, "yes": True, "1": True, "on": True, "false": False, "no": False, "0": False, "off": False}
_KINDS = {bool: "yes or no", int: "a whole number", float: "a number", str: "a text"}


@dataclass(frozen=True, kw_only=True)
class UseCase:
    """The declaration of a use case.

    Attributes
    ----------
    name : str
        Its name everywhere: module, notebooks, command line, address.
    title, sentence : str
        For the card on the home page.
    unit_noun : str
        What the scientist calls one thing that is identified: ``"vignette"``.
    label_noun : str
        What the labels are: ``"taxon"``, ``"class"``.
    medium_noun : str
        What a picture is called in which things are looked for: ``"scene"``.
    read : callable ``(path, settings, progress) -> Sample``
        Opens a file, folder or zip in any layout that the use case knows. What takes long calls ``progress(done, total, what)`` as it goes on,
        which raises `Cancelled` once nobody waits for it any more; without `progress` (None) nobody looks.
    check : callable ``(sample, progress) -> list of Problem``
        Looks into every medium of an opened sample and says what is wrong.
    task : object
        The task declaration, e.g. `imagine_kernels.tasks.Classification`.
    measure : callable ``(sample, predictions, confusion, settings) -> Measurements``
        The science; `confusion` is None where the model carries none.
    make_sample : callable ``(folder, seed) -> Path``
        Writes the bundled labelled sample in the native format and returns the path to open.
    exports : mapping of str to callable ``(sample, predictions, path) -> (Path, list of Problem)``
        Native formats by name, e.g. ``{"ecotaxa": write_zip_noting}``; the problems are what the format cannot hold.
    products : mapping of str to callable, as `exports`
        What others read and nobody reads back, such as maps.
    settings : tuple of Setting
    splits_by : tuple of str
        Columns of `Sample.objects` that keep objects together when data are split for training, first one that varies wins.
    sorts : mapping of str to str
        What the grid can sort and filter by, label for people to column of `Sample.objects`.
    reads : tuple of str
        The layouts it opens, for people.
    removal_rules : mapping of str to str
        Rules after which objects are proposed for removal, each with a sentence for people; the rule of an object is in the column
        `imagine_kernels.records.PROPOSED_REMOVAL` of `Sample.objects`.
    label_sets : mapping of str to Path
        Label sets that come along, name for people to CSV with ``name`` and ``aphia_id`` (the number of WoRMS): a new annotation project may
        begin with one, and an object may get any of its names.
    label_marks : mapping of str to str
        Marks that people put in brackets behind the taxon of an object, as in ``Navicula (fragment)``, each with its key in the app.
    describe : callable ``(sample) -> Sample``, optional
        Adds what follows from the outlines of things that were found or redrawn: position, area, length.
    divide : callable ``(sample, cuts) -> Sample``, optional
        The parts of objects that are several, by the lines that divide each (object id → lines in px of its picture), as objects of their own,
        in the order of the cuts; see `imagine_kernels.records.cuts`. None where objects are not divided.
    """

    name: str
    title: str
    sentence: str
    unit_noun: str
    label_noun: str = "taxon"
    medium_noun: str = "picture"
    read: Callable[[Path, Mapping[str, Any], Progress | None], Sample]
    check: Callable[[Sample, Progress | None], list[Problem]]
    task: Any
    measure: Callable[[Sample, Predictions, Confusion | None, Mapping[str, Any]], Measurements]
    make_sample: Callable[[Path, int], Path]
    exports: Mapping[str, Callable[[Sample, Predictions, Path], tuple[Path, list[Problem]]]]
    products: Mapping[str, Callable[[Sample, Predictions, Path], tuple[Path, list[Problem]]]] = field(default_factory=dict)
    settings: tuple[Setting, ...] = ()
    splits_by: tuple[str, ...] = ()
    sorts: Mapping[str, str] = field(default_factory=dict)
    reads: tuple[str, ...] = ()
    removal_rules: Mapping[str, str] = field(default_factory=dict)
    label_sets: Mapping[str, Path] = field(default_factory=dict)
    label_marks: Mapping[str, str] = field(default_factory=dict)
    describe: Callable[[Sample], Sample] | None = None
    divide: Callable[[Sample, Mapping[str, Lines]], Sample] | None = None

    def read_settings(self, given: Mapping[str, Any] | None = None) -> dict[str, Any]:
        """All settings with the given ones read and the others at their defaults."""
        known = {setting.name: setting for setting in self.settings}
        values: dict[str, Any] = {name: setting.default for name, setting in known.items()}
        for name, value in (given or {}).items():
            if name not in known:
                raise UnknownName.among(f"setting of {self.name}", name, known)
            values[name] = known[name].read(value)
        return values
