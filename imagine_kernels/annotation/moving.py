"""A project moves to another label tree: every annotation with a renamed label gets its new name, in the history as everything."""

from __future__ import annotations

import json
from collections.abc import Mapping

import sqlalchemy as sa

from imagine_kernels.annotation import projection
from imagine_kernels.annotation.label_trees import LabelTree
from imagine_kernels.annotation.projection import DELETED
from imagine_kernels.annotation.schema import annotation_rows
from imagine_kernels.annotation.writing import Writing
from imagine_kernels.errors import LabelError

LabelPath = tuple[str, ...]


def move(writing: Writing, tree: LabelTree, renamed: Mapping[LabelPath, LabelPath]) -> int:
    """Note the new tree, rename labels, and give back the number of annotations that were changed.

    Raises
    ------
    LabelError
        A label that is in use has no place in the new tree.
    """
    mapping = [[list(old), list(new)] for old, new in sorted(renamed.items())]
    writing.append(
        "tree", "", {"tree": tree.uid, "version": tree.version, "sha256": tree.sha256 if tree.frozen else "", "renamed": mapping}
    )
    writing.tree, writing.tree_version = tree.uid, tree.version
    writing.freeze_tree()
    # Also labels that are not in force, and so not in the counters.
    query = sa.select(annotation_rows.c.id, annotation_rows.c.state, annotation_rows.c.status).where(
        annotation_rows.c.project == writing.project
    )
    n = 0
    for part in writing.connection.execute(query.execution_options(yield_per=2000)).partitions():
        wanted = {}
        for annotation_id, text, status in part:
            labels = json.loads(text)["labels"]
            for label in labels:
                new = renamed.get(tuple(label["path"]), tuple(label["path"]))
                if new not in tree.paths and status != DELETED:
                    raise LabelError(
                        f"The label {' > '.join(new)} is in use and not in the new tree: say what it is called there."
                    )
                if list(new) != label["path"]:
                    label["path"] = list(new)
                    wanted[annotation_id] = labels
        for annotation_id, row in projection.fetch(writing.connection, writing.project, list(wanted)).items():
            writing.change(row, {"labels": wanted[annotation_id]})
            n += 1
    return n
