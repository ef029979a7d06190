"""Sessions of the identify app and their corrections: the tables from before there were steps, so they may be there already."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision: str | None = None


def upgrade() -> None:
    """Make them where they are missing."""
    op.create_table(
        "sessions",
        sa.Column("id", sa.String, primary_key=True),
        sa.Column("use_case", sa.String, nullable=False),
        sa.Column("name", sa.String, nullable=False),
        sa.Column("source", sa.String, nullable=False),
        sa.Column("fingerprint", sa.String, nullable=False),
        sa.Column("model_hash", sa.String, nullable=False),
        sa.Column("author", sa.String, nullable=False),
        sa.Column("created", sa.String, nullable=False),
        if_not_exists=True,
    )
    op.create_table(
        "corrections",
        sa.Column("session", sa.String, sa.ForeignKey("sessions.id"), primary_key=True),
        sa.Column("sequence", sa.Integer, primary_key=True, autoincrement=False),
        sa.Column("object_ids", sa.Text, nullable=False),
        sa.Column("label", sa.String),
        sa.Column("status", sa.String),
        sa.Column("undoes", sa.Integer),
        sa.Column("author", sa.String, nullable=False),
        sa.Column("time", sa.String, nullable=False),
        if_not_exists=True,
    )
