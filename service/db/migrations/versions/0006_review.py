"""Clerical review: decisions on pairs, by their numbers."""

import sqlalchemy as sa
from alembic import op

revision = "0006_review"
down_revision = "0005_disclosure"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "review_decisions",
        sa.Column("sequence", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("agreement_id", sa.String(length=64), nullable=False),
        sa.Column("run_id", sa.String(length=32), nullable=False),
        sa.Column("vintage", sa.String(length=32), nullable=False),
        sa.Column("pair", sa.BigInteger(), nullable=False),
        sa.Column("verdict", sa.String(length=16), nullable=False),
        sa.Column("decided_by", sa.String(length=80), nullable=False),
        sa.Column("decided_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(
            ["agreement_id"], ["agreements.id"], name=op.f("fk_review_decisions_agreement_id_agreements")
        ),
        sa.ForeignKeyConstraint(["run_id"], ["runs.id"], name=op.f("fk_review_decisions_run_id_runs")),
        sa.PrimaryKeyConstraint("sequence", name=op.f("pk_review_decisions")),
    )
    op.create_index("ix_review_decisions_pair", "review_decisions", ["agreement_id", "pair"])


def downgrade() -> None:
    op.drop_table("review_decisions")
