"""Who is to look at which media, and blind sessions."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision: str | None = "0002"


def upgrade() -> None:
    """Make the tables."""
    op.create_table(
        "assignments",
        sa.Column("project", sa.Integer, sa.ForeignKey("projects.id"), primary_key=True),
        sa.Column("medium", sa.BigInteger, primary_key=True, autoincrement=False),
        sa.Column("person", sa.String, primary_key=True),
        sa.Column("author", sa.String, nullable=False),
        sa.Column("time", sa.String, nullable=False),
    )
    op.create_index("assignments_of_person", "assignments", ["project", "person", "medium"])
    op.create_table(
        "blind_sessions",
        sa.Column("project", sa.Integer, sa.ForeignKey("projects.id"), primary_key=True),
        sa.Column("number", sa.BigInteger, primary_key=True, autoincrement=False),
        sa.Column("name", sa.String, nullable=False),
        sa.Column("begins", sa.String, nullable=False),
        sa.Column("ends", sa.String, nullable=False),
        sa.Column("hides_others", sa.Boolean, nullable=False),
        sa.Column("hides_earlier", sa.Boolean, nullable=False),
        sa.Column("all_media", sa.Boolean, nullable=False),
        sa.Column("people", sa.Text, nullable=False),
    )
    op.create_table(
        "blind_media",
        sa.Column("project", sa.Integer, sa.ForeignKey("projects.id"), primary_key=True),
        sa.Column("session", sa.BigInteger, primary_key=True, autoincrement=False),
        sa.Column("medium", sa.BigInteger, primary_key=True, autoincrement=False),
    )
