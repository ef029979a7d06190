"""Objects of the identify app that were divided: the lines and the parts, with the correction that did it."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision: str | None = "0003"


def upgrade() -> None:
    """Add the column."""
    op.add_column("corrections", sa.Column("cut", sa.Text))
