"""Erasures: the end of an agreement's retention and its signed evidence."""

import sqlalchemy as sa
from alembic import op

revision = "0004_retention"
down_revision = "0003_accounts"
branch_labels = None
depends_on = None


def upgrade() -> None:
    moment = sa.DateTime(timezone=True)
    op.create_table(
        "erasures",
        sa.Column("agreement_id", sa.String(length=64), nullable=False),
        sa.Column("reason", sa.String(length=16), nullable=False),
        sa.Column("inventory", sa.Text(), nullable=False),
        sa.Column("began_at", moment, nullable=False),
        sa.Column("evidence", sa.Text(), nullable=True),
        sa.Column("finished_at", moment, nullable=True),
        sa.ForeignKeyConstraint(["agreement_id"], ["agreements.id"], name=op.f("fk_erasures_agreement_id_agreements")),
        sa.PrimaryKeyConstraint("agreement_id", name=op.f("pk_erasures")),
    )


def downgrade() -> None:
    op.drop_table("erasures")
