"""The tables of the annotation store, the same in SQLite and PostgreSQL.

``events`` is what counts: append-only, one chain of hashes for each project. ``annotations``, ``project_media``, ``reviews``,
``assignments``, ``blind_sessions``, ``roles`` and the counters are what follows from it, and can be made anew from it at any time.
``sessions`` and ``corrections`` belong to the identify app. A change here needs a new step in ``migrations/versions``.
"""

from __future__ import annotations

import sqlalchemy as sa

metadata = sa.MetaData()

#: Text in the order of its code points in both databases, not in that of the language of a server.
BYTEWISE = sa.String().with_variant(sa.String(collation="C"), "postgresql")

sessions = sa.Table(
    "sessions",
    metadata,
    sa.Column("id", sa.String, primary_key=True),
    sa.Column("use_case", sa.String, nullable=False),
    sa.Column("name", sa.String, nullable=False),
    sa.Column("source", sa.String, nullable=False),
    sa.Column("fingerprint", sa.String, nullable=False),
    sa.Column("model_hash", sa.String, nullable=False),
    sa.Column("author", sa.String, nullable=False),
    sa.Column("created", sa.String, nullable=False),
)

corrections = sa.Table(
    "corrections",
    metadata,
    sa.Column("session", sa.String, sa.ForeignKey("sessions.id"), primary_key=True),
    # With the session this is the key, so that two writers can never both take the same place.
    sa.Column("sequence", sa.Integer, primary_key=True, autoincrement=False),
    sa.Column("object_ids", sa.Text, nullable=False),
    sa.Column("label", sa.String),
    sa.Column("status", sa.String),
    sa.Column("undoes", sa.Integer),
    sa.Column("author", sa.String, nullable=False),
    sa.Column("time", sa.String, nullable=False),
    # JSON: the lines that divide an object, and the ids of its parts.
    sa.Column("cut", sa.Text),
)

projects = sa.Table(
    "projects",
    metadata,
    sa.Column("id", sa.Integer, primary_key=True),
    # The same in every copy of the project; `id` is only of this database.
    sa.Column("uid", sa.String, nullable=False, unique=True),
    sa.Column("name", sa.String, nullable=False, unique=True),
    sa.Column("use_case", sa.String, nullable=False),
    sa.Column("description", sa.Text, nullable=False),
    sa.Column("tree", sa.String, nullable=False),
    sa.Column("tree_version", sa.Integer, nullable=False),
    sa.Column("author", sa.String, nullable=False),
    sa.Column("created", sa.String, nullable=False),
    # The end of the chain: sequence, time and hash of the last event.
    sa.Column("head", sa.BigInteger, nullable=False),
    sa.Column("time", sa.String, nullable=False),
    sa.Column("hash", sa.String, nullable=False),
)

# No foreign keys in the tables with a row for each event or annotation: PostgreSQL would look each of them up, and projects never go away.
events = sa.Table(
    "events",
    metadata,
    sa.Column("project", sa.Integer, primary_key=True),
    sa.Column("sequence", sa.BigInteger, primary_key=True, autoincrement=False),
    # The first sequence of what was done at one go, and is undone at one go.
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
    sa.Index("events_of_subject", "project", "subject", "sequence"),
    sa.Index("events_of_author", "project", "author", "sequence"),
    # Empty keys do not meet each other: NULL is unlike NULL in both databases.
    sa.Index("events_by_key", "project", "key", unique=True),
)

media = sa.Table(
    "media",
    metadata,
    sa.Column("sha256", sa.String, primary_key=True),
    sa.Column("kind", sa.String, nullable=False),
)

project_media = sa.Table(
    "project_media",
    metadata,
    sa.Column("project", sa.Integer, sa.ForeignKey("projects.id"), primary_key=True),
    sa.Column("number", sa.BigInteger, primary_key=True, autoincrement=False),
    sa.Column("key", sa.String, nullable=False),
    sa.Column("name", BYTEWISE, nullable=False),
    sa.Column("sha256", sa.String, sa.ForeignKey("media.sha256")),
    sa.Column("state", sa.Text, nullable=False),
    sa.Index("media_by_key", "project", "key", unique=True),
    sa.Index("media_by_name", "project", "name", unique=True),
    sa.Index("media_by_hash", "sha256"),
)

annotation_rows = sa.Table(
    "annotations",
    metadata,
    sa.Column("project", sa.Integer, primary_key=True),
    # The sequence of the event that made it: so the order of numbers is that of time.
    sa.Column("number", sa.BigInteger, primary_key=True, autoincrement=False),
    sa.Column("id", sa.String, nullable=False),
    sa.Column("version", sa.BigInteger, nullable=False),
    sa.Column("medium", sa.BigInteger, nullable=False),
    sa.Column("label", sa.Integer, nullable=False),
    sa.Column("author", sa.Integer, nullable=False),
    sa.Column("status", sa.SmallInteger, nullable=False),
    # -1 where it is not known, so that one order of the index serves all.
    sa.Column("confidence", sa.Float, nullable=False),
    sa.Column("state", sa.Text, nullable=False),
    sa.Index("annotations_by_id", "project", "id", unique=True),
    sa.Index("annotations_of_medium", "project", "medium", "number"),
    # What a filter reads: one run of neighbours for each (label, author, status) or (author, status), in order.
    sa.Index("annotations_by_label", "project", "label", "author", "status", "number"),
    sa.Index("annotations_by_author", "project", "author", "status", "number", "label"),
    sa.Index("annotations_by_label_confidence", "project", "label", "author", "status", "confidence", "number"),
    sa.Index("annotations_by_author_confidence", "project", "author", "status", "confidence", "number", "label"),
)

#: Names of labels (as JSON paths) and of people, each with the small number that stands for it in `annotations`; never changed.
words = sa.Table(
    "words",
    metadata,
    sa.Column("project", sa.Integer, sa.ForeignKey("projects.id"), primary_key=True),
    sa.Column("kind", sa.String, primary_key=True),
    sa.Column("id", sa.Integer, primary_key=True, autoincrement=False),
    sa.Column("text", BYTEWISE, nullable=False),
    sa.Index("words_by_text", "project", "kind", "text", unique=True),
)

counts = sa.Table(
    "counts",
    metadata,
    sa.Column("project", sa.Integer, primary_key=True),
    sa.Column("label", sa.Integer, primary_key=True, autoincrement=False),
    sa.Column("author", sa.Integer, primary_key=True, autoincrement=False),
    sa.Column("status", sa.SmallInteger, primary_key=True, autoincrement=False),
    sa.Column("n", sa.BigInteger, nullable=False),
)

media_counts = sa.Table(
    "media_counts",
    metadata,
    sa.Column("project", sa.Integer, primary_key=True),
    sa.Column("medium", sa.BigInteger, primary_key=True, autoincrement=False),
    sa.Column("status", sa.SmallInteger, primary_key=True, autoincrement=False),
    sa.Column("n", sa.BigInteger, nullable=False),
)

reviews = sa.Table(
    "reviews",
    metadata,
    sa.Column("project", sa.Integer, sa.ForeignKey("projects.id"), primary_key=True),
    sa.Column("medium", sa.BigInteger, primary_key=True, autoincrement=False),
    sa.Column("author", sa.String, primary_key=True),
    sa.Column("time", sa.String, nullable=False),
)

#: Which media somebody is to look at.
assignments = sa.Table(
    "assignments",
    metadata,
    sa.Column("project", sa.Integer, sa.ForeignKey("projects.id"), primary_key=True),
    sa.Column("medium", sa.BigInteger, primary_key=True, autoincrement=False),
    sa.Column("person", sa.String, primary_key=True),
    # Who has said so, and when.
    sa.Column("author", sa.String, nullable=False),
    sa.Column("time", sa.String, nullable=False),
    sa.Index("assignments_of_person", "project", "person", "medium"),
)

#: Spans of time in which some people do not see what others have marked.
blind_sessions = sa.Table(
    "blind_sessions",
    metadata,
    sa.Column("project", sa.Integer, sa.ForeignKey("projects.id"), primary_key=True),
    # The sequence of the event that made it.
    sa.Column("number", sa.BigInteger, primary_key=True, autoincrement=False),
    sa.Column("name", sa.String, nullable=False),
    sa.Column("begins", sa.String, nullable=False),
    sa.Column("ends", sa.String, nullable=False),
    sa.Column("hides_others", sa.Boolean, nullable=False),
    sa.Column("hides_earlier", sa.Boolean, nullable=False),
    sa.Column("all_media", sa.Boolean, nullable=False),
    # Names as a JSON list.
    sa.Column("people", sa.Text, nullable=False),
)

blind_media = sa.Table(
    "blind_media",
    metadata,
    sa.Column("project", sa.Integer, sa.ForeignKey("projects.id"), primary_key=True),
    sa.Column("session", sa.BigInteger, primary_key=True, autoincrement=False),
    sa.Column("medium", sa.BigInteger, primary_key=True, autoincrement=False),
)

roles = sa.Table(
    "roles",
    metadata,
    sa.Column("project", sa.Integer, sa.ForeignKey("projects.id"), primary_key=True),
    # ``user:NAME`` or ``group:NAME``.
    sa.Column("who", sa.String, primary_key=True),
    sa.Column("role", sa.String, nullable=False),
    sa.Index("roles_by_who", "who"),
)

label_trees = sa.Table(
    "label_trees",
    metadata,
    sa.Column("uid", sa.String, primary_key=True),
    sa.Column("name", sa.String, nullable=False, unique=True),
)

label_tree_versions = sa.Table(
    "label_tree_versions",
    metadata,
    sa.Column("tree", sa.String, sa.ForeignKey("label_trees.uid"), primary_key=True),
    sa.Column("version", sa.Integer, primary_key=True, autoincrement=False),
    # Of `labels`; and whether an annotation uses it, so that it never changes again.
    sa.Column("sha256", sa.String, nullable=False),
    sa.Column("frozen", sa.Boolean, nullable=False),
    sa.Column("author", sa.String, nullable=False),
    sa.Column("created", sa.String, nullable=False),
    sa.Column("labels", sa.Text, nullable=False),
)
