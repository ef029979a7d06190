"""Label trees: what things may be called, in versions that never change once an annotation uses them."""

from __future__ import annotations

import bisect
import hashlib
import json
import secrets
import unicodedata
from collections.abc import Iterable
from dataclasses import dataclass, field, fields
from functools import cached_property
from typing import Any

import sqlalchemy as sa

from imagine_kernels.annotation.database import Database
from imagine_kernels.annotation.events import State, canonical, now, plain
from imagine_kernels.annotation.schema import label_tree_versions, label_trees
from imagine_kernels.errors import DataError, UnknownName
from imagine_kernels.records import Label

_DEFAULTS = {each.name: each.default for each in fields(Label) if each.name != "name"}
#: Letters that are not taken apart by Unicode into a letter and its accent.
_LETTERS = str.maketrans({"ø": "o", "đ": "d", "ł": "l", "æ": "ae", "œ": "oe", "ı": "i", "þ": "th", "ð": "d"})


@dataclass(frozen=True, kw_only=True)
class LabelTree:
    """One version of a label tree.

    Attributes
    ----------
    name : str
    labels : tuple of Label
        All of them, each parent among them.
    uid : str
        The same in all versions and copies; empty before it is saved.
    version : int
        Counted from 1.
    frozen : bool
        An annotation uses it: a change makes a new version.
    """

    name: str
    labels: tuple[Label, ...] = field(repr=False)
    uid: str = ""
    version: int = 0
    frozen: bool = False

    @cached_property
    def paths(self) -> frozenset[tuple[str, ...]]:
        """The paths of all labels."""
        return frozenset(label.path for label in self.labels)

    @cached_property
    def text(self) -> str:
        """The labels as canonical JSON."""
        return canonical([_label_json(label) for label in self.labels])

    @property
    def sha256(self) -> str:
        """Of the labels."""
        return hashlib.sha256(self.text.encode()).hexdigest()

    def search(self, text: str, *, limit: int = 20) -> list[Label]:
        """Labels for what has been typed so far, the best first.

        Every word of `text` must begin a word of the name or of a synonym; accents and capitals do not matter. An exact name comes first,
        then names that begin with the text, then those with a word that does, then synonyms; among equals the shorter name.
        An AphiaID is found by its digits.
        """
        wanted = folded(text)
        parts = wanted.split()
        if not parts:
            return list(self.labels[:limit])
        found = self._beginning(parts[0])
        for part in parts[1:]:
            found &= self._beginning(part)
        names = self._names
        ranked = sorted((_rank(wanted, names[i]), len(names[i][0]), names[i][0], i) for i in found)
        return [self.labels[i] for *_, i in ranked[:limit]]

    @cached_property
    def _names(self) -> list[tuple[str, ...]]:
        """Folded name and synonyms of each label."""
        return [(folded(label.name), *map(folded, label.synonyms)) for label in self.labels]

    @cached_property
    def _words(self) -> list[tuple[str, int]]:
        """Every word with its label, sorted."""
        found = {(word, i) for i, names in enumerate(self._names) for name in names for word in name.split()}
        found |= {(str(label.aphia_id), i) for i, label in enumerate(self.labels) if label.aphia_id is not None}
        return sorted(found)

    def _beginning(self, part: str) -> set[int]:
        begin = bisect.bisect_left(self._words, (part, -1))
        end = bisect.bisect_left(self._words, (part + "\U0010ffff", -1))
        return {i for _, i in self._words[begin:end]}


class LabelTrees:
    """The label trees in a database.

    Parameters
    ----------
    database : Database
    """

    def __init__(self, database: Database) -> None:
        self._database = database

    def names(self) -> tuple[str, ...]:
        """Of all trees, sorted."""
        with self._database.reading() as connection:
            return tuple(sorted(connection.execute(sa.select(label_trees.c.name)).scalars()))

    def get(self, tree: str, version: int | None = None) -> LabelTree:
        """A tree by its name or uid; the last version unless another is asked for.

        Raises
        ------
        UnknownName
            There is no such tree, or no such version.
        """
        with self._database.reading() as connection:
            return read_tree(connection, tree, version)

    def save(self, name: str, labels: Iterable[Label], *, author: str) -> LabelTree:
        """Keep the labels as the tree of that name.

        The last version is changed in place as long as no annotation uses it; after that there will be a new one. Labels that
        are the same as in the last version change nothing.

        Raises
        ------
        DataError
            Two labels have the same path, a parent is missing, or a name cannot be kept.
        """
        given = LabelTree(name=plain(name, "The name of a label tree"), labels=checked(labels))
        with self._database.writing() as connection:
            uid = connection.execute(sa.select(label_trees.c.uid).where(label_trees.c.name == name)).scalar()
            if uid is None:
                uid = secrets.token_hex(8)
                connection.execute(label_trees.insert().values(uid=uid, name=name))
            query = (
                label_tree_versions.select()
                .where(label_tree_versions.c.tree == uid)
                .order_by(label_tree_versions.c.version.desc())
                .limit(1)
                .with_for_update()
            )
            last = connection.execute(query).first()
            if last is not None and last.sha256 == given.sha256:
                return read_tree(connection, uid, last.version)
            version = 1 if last is None else last.version + int(last.frozen)
            values = {"sha256": given.sha256, "author": author, "created": now(), "labels": given.text}
            if last is not None and not last.frozen:
                here = (label_tree_versions.c.tree == uid, label_tree_versions.c.version == version)
                connection.execute(label_tree_versions.update().where(*here).values(**values))
            else:
                connection.execute(label_tree_versions.insert().values(tree=uid, version=version, frozen=False, **values))
            return read_tree(connection, uid, version)


def read_tree(connection: sa.Connection, tree: str, version: int | None = None) -> LabelTree:
    """A tree by its name or uid; see `LabelTrees.get`."""
    query = (
        sa.select(label_trees.c.uid, label_trees.c.name, label_tree_versions)
        .join_from(label_trees, label_tree_versions)
        .where((label_trees.c.name == tree) | (label_trees.c.uid == tree))
        .order_by(label_tree_versions.c.version.desc())
        .limit(1)
    )
    row = connection.execute(query if version is None else query.where(label_tree_versions.c.version == version)).first()
    if row is None:
        known = connection.execute(sa.select(label_trees.c.name)).scalars()
        raise UnknownName.among("label tree", tree if version is None else f"{tree}, version {version}", known)
    labels = tuple(_label_of(each) for each in json.loads(row.labels))
    return LabelTree(name=row.name, labels=labels, uid=row.uid, version=row.version, frozen=bool(row.frozen))


def checked(labels: Iterable[Label]) -> tuple[Label, ...]:
    """The labels, if they are a tree.

    Raises
    ------
    DataError
        Two have the same path, a parent is missing, or a name cannot be kept.
    """
    given = tuple(labels)
    paths: set[tuple[str, ...]] = set()
    for label in given:
        if label.path in paths:
            raise DataError(f"The label {' > '.join(label.path)} is there twice: leave one out.")
        plain(label.name, "The label")
        paths.add(label.path)
    for label in given:
        if label.parent and label.parent not in paths:
            raise DataError(f"The label {label.name} is below {' > '.join(label.parent)}, which is not in the tree: add it.")
    return given


def with_parents(labels: Iterable[Label]) -> tuple[Label, ...]:
    """The labels, each path once, and before them the parents that were only named."""
    found: dict[tuple[str, ...], Label] = {}
    for label in labels:
        for depth in range(1, len(label.parent) + 1):
            above = label.parent[:depth]
            found.setdefault(above, Label(name=above[-1], parent=above[:-1]))
        known = found.get(label.path)
        if known is None or known == Label(name=label.name, parent=label.parent):
            found[label.path] = label
    return tuple(found.values())


def folded(text: str) -> str:
    """Small letters without accents, words divided by one space."""
    apart = unicodedata.normalize("NFKD", text.casefold().translate(_LETTERS))
    kept = (letter if letter.isalnum() else " " for letter in apart if not unicodedata.combining(letter))
    return " ".join("".join(kept).split())


def _rank(wanted: str, names: tuple[str, ...]) -> int:
    name, synonyms = names[0], names[1:]
    if name == wanted:
        return 0
    if name.startswith(wanted):
        return 1
    if f" {wanted}" in name:
        return 2
    if wanted in synonyms:
        return 3
    return 4 if any(each.startswith(wanted) for each in synonyms) else 5


def _label_json(label: Label) -> State:
    return {"name": label.name, **{name: getattr(label, name) for name, d in _DEFAULTS.items() if getattr(label, name) != d}}


def _label_of(encoded: dict[str, Any]) -> Label:
    return Label(**{**encoded, "parent": tuple(encoded.get("parent", ())), "synonyms": tuple(encoded.get("synonyms", ()))})
