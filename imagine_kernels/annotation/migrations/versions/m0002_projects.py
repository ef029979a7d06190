"""Projects: their history, and all that follows from it."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision: str | None = "0001"


def upgrade() -> None:
    """Make the tables."""
    op.create_table(
        "projects",
        sa.Column("id", sa.Integer, primary_key=True),
        sa.Column("uid", sa.String, nullable=False, unique=True),
        sa.Column("name", sa.String, nullable=False, unique=True),
        sa.Column("use_case", sa.String, nullable=False),
        sa.Column("description", sa.Text, nullable=False),
        sa.Column("tree", sa.String, nullable=False),
        sa.Column("tree_version", sa.Integer, nullable=False),
        sa.Column("author", sa.String, nullable=False),
        sa.Column("created", sa.String, nullable=False),
        sa.Column("head", sa.BigInteger, nullable=False),
        sa.Column("time", sa.String, nullable=False),
        sa.Column("hash", sa.String, nullable=False),
    )
    op.create_table(
        "events",
        sa.Column("project", sa.Integer, primary_key=True),
        sa.Column("sequence", sa.BigInteger, primary_key=True, autoincrement=False),
        sa.Column("step", sa.BigInteger, nullable=False),
        sa.Column("author", sa.String, nullable=False),
        sa.Column("time", sa.String, nullable=False),
        sa.Column("kind", sa.String, nullable=False),
        sa.Column("subject", sa.String, nullable=False),
        sa.Column("key", sa.String),
        sa.Column("undoes", sa.BigInteger),
        sa.Column("payload", sa.Text, nullable=False),
        sa.Column("previous", sa.String, nullable=False),
        sa.Column("hash", sa.String, nullable=False),
    )
    op.create_index("events_of_subject", "events", ["project", "subject", "sequence"])
    op.create_index("events_of_author", "events", ["project", "author", "sequence"])
    op.create_index("events_by_key", "events", ["project", "key"], unique=True)
    op.create_table(
        "media",
        sa.Column("sha256", sa.String, primary_key=True),
        sa.Column("kind", sa.String, nullable=False),
    )
    op.create_table(
        "project_media",
        sa.Column("project", sa.Integer, sa.ForeignKey("projects.id"), primary_key=True),
        sa.Column("number", sa.BigInteger, primary_key=True, autoincrement=False),
        sa.Column("key", sa.String, nullable=False),
        sa.Column("name", sa.String().with_variant(sa.String(collation="C"), "postgresql"), nullable=False),
        sa.Column("sha256", sa.String, sa.ForeignKey("media.sha256")),
        sa.Column("state", sa.Text, nullable=False),
    )
    op.create_index("media_by_key", "project_media", ["project", "key"], unique=True)
    op.create_index("media_by_name", "project_media", ["project", "name"], unique=True)
    op.create_index("media_by_hash", "project_media", ["sha256"])
    op.create_table(
        "annotations",
        sa.Column("project", sa.Integer, primary_key=True),
        sa.Column("number", sa.BigInteger, primary_key=True, autoincrement=False),
        sa.Column("id", sa.String, nullable=False),
        sa.Column("version", sa.BigInteger, nullable=False),
        sa.Column("medium", sa.BigInteger, nullable=False),
        sa.Column("label", sa.Integer, nullable=False),
        sa.Column("author", sa.Integer, nullable=False),
        sa.Column("status", sa.SmallInteger, nullable=False),
        sa.Column("confidence", sa.Float, nullable=False),
        sa.Column("state", sa.Text, nullable=False),
    )
    op.create_index("annotations_by_id", "annotations", ["project", "id"], unique=True)
    op.create_index("annotations_of_medium", "annotations", ["project", "medium", "number"])
    op.create_index("annotations_by_label", "annotations", ["project", "label", "author", "status", "number"])
    op.create_index("annotations_by_author", "annotations", ["project", "author", "status", "number", "label"])
    op.create_index(
        "annotations_by_label_confidence", "annotations", ["project", "label", "author", "status", "confidence", "number"]
    )
    op.create_index(
        "annotations_by_author_confidence", "annotations", ["project", "author", "status", "confidence", "number", "label"]
    )
    op.create_table(
        "words",
        sa.Column("project", sa.Integer, sa.ForeignKey("projects.id"), primary_key=True),
        sa.Column("kind", sa.String, primary_key=True),
        sa.Column("id", sa.Integer, primary_key=True, autoincrement=False),
        sa.Column("text", sa.String().with_variant(sa.String(collation="C"), "postgresql"), nullable=False),
    )
    op.create_index("words_by_text", "words", ["project", "kind", "text"], unique=True)
    op.create_table(
        "counts",
        sa.Column("project", sa.Integer, primary_key=True),
        sa.Column("label", sa.Integer, primary_key=True, autoincrement=False),
        sa.Column("author", sa.Integer, primary_key=True, autoincrement=False),
        sa.Column("status", sa.SmallInteger, primary_key=True, autoincrement=False),
        sa.Column("n", sa.BigInteger, nullable=False),
    )
    op.create_table(
        "media_counts",
        sa.Column("project", sa.Integer, primary_key=True),
        sa.Column("medium", sa.BigInteger, primary_key=True, autoincrement=False),
        sa.Column("status", sa.SmallInteger, primary_key=True, autoincrement=False),
        sa.Column("n", sa.BigInteger, nullable=False),
    )
    op.create_table(
        "reviews",
        sa.Column("project", sa.Integer, sa.ForeignKey("projects.id"), primary_key=True),
        sa.Column("medium", sa.BigInteger, primary_key=True, autoincrement=False),
        sa.Column("author", sa.String, primary_key=True),
        sa.Column("time", sa.String, nullable=False),
    )
    op.create_table(
        "roles",
        sa.Column("project", sa.Integer, sa.ForeignKey("projects.id"), primary_key=True),
        sa.Column("who", sa.String, primary_key=True),
        sa.Column("role", sa.String, nullable=False),
    )
    op.create_index("roles_by_who", "roles", ["who"])
    op.create_table(
        "label_trees",
        sa.Column("uid", sa.String, primary_key=True),
        sa.Column("name", sa.String, nullable=False, unique=True),
    )
    op.create_table(
        "label_tree_versions",
        sa.Column("tree", sa.String, sa.ForeignKey("label_trees.uid"), primary_key=True),
        sa.Column("version", sa.Integer, primary_key=True, autoincrement=False),
        sa.Column("sha256", sa.String, nullable=False),
        sa.Column("frozen", sa.Boolean, nullable=False),
        sa.Column("author", sa.String, nullable=False),
        sa.Column("created", sa.String, nullable=False),
        sa.Column("labels", sa.Text, nullable=False),
    )
