"""Disclosure control: reports of releases, asked populations, cohorts and their runs."""

import sqlalchemy as sa
from alembic import op

revision = "0005_disclosure"
down_revision = "0004_retention"
branch_labels = None
depends_on = None


def upgrade() -> None:
    moment = sa.DateTime(timezone=True)
    op.add_column("releases", sa.Column("report", sa.Text(), nullable=True))
    op.add_column("releases", sa.Column("cohort_run_id", sa.String(length=32), nullable=True))
    op.create_table(
        "population_queries",
        sa.Column("id", sa.String(length=32), nullable=False),
        sa.Column("agreement_id", sa.String(length=64), nullable=False),
        sa.Column("series", sa.String(length=64), nullable=False),
        sa.Column("kind", sa.String(length=16), nullable=False),
        sa.Column("definition", sa.String(length=64), nullable=False),
        sa.Column("sketch", sa.LargeBinary(), nullable=False),
        sa.Column("asked_by", sa.String(length=80), nullable=False),
        sa.Column("asked_at", moment, nullable=False),
        sa.ForeignKeyConstraint(
            ["agreement_id"], ["agreements.id"], name=op.f("fk_population_queries_agreement_id_agreements")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_population_queries")),
    )
    op.create_index("ix_population_queries_series", "population_queries", ["series", "kind"])
    op.create_table(
        "cohorts",
        sa.Column("digest", sa.String(length=64), nullable=False),
        sa.Column("name", sa.String(length=80), nullable=False),
        sa.Column("source", sa.Text(), nullable=False),
        sa.Column("dummy_digest", sa.String(length=64), nullable=False),
        sa.Column("dummy_code", sa.String(length=64), nullable=False),
        sa.Column("created_by", sa.String(length=80), nullable=False),
        sa.Column("created_at", moment, nullable=False),
        sa.PrimaryKeyConstraint("digest", name=op.f("pk_cohorts")),
    )
    op.create_table(
        "cohort_runs",
        sa.Column("id", sa.String(length=32), nullable=False),
        sa.Column("cohort_digest", sa.String(length=64), nullable=False),
        sa.Column("run_id", sa.String(length=32), nullable=False),
        sa.Column("agreement_id", sa.String(length=64), nullable=False),
        sa.Column("vintage", sa.String(length=32), nullable=False),
        sa.Column("state", sa.String(length=16), nullable=False),
        sa.Column("tag", sa.String(length=64), nullable=False),
        sa.Column("table_digest", sa.String(length=64), nullable=True),
        sa.Column("report", sa.Text(), nullable=False),
        sa.Column("run_by", sa.String(length=80), nullable=False),
        sa.Column("run_at", moment, nullable=False),
        sa.ForeignKeyConstraint(
            ["cohort_digest"], ["cohorts.digest"], name=op.f("fk_cohort_runs_cohort_digest_cohorts")
        ),
        sa.ForeignKeyConstraint(["run_id"], ["runs.id"], name=op.f("fk_cohort_runs_run_id_runs")),
        sa.ForeignKeyConstraint(
            ["agreement_id"], ["agreements.id"], name=op.f("fk_cohort_runs_agreement_id_agreements")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_cohort_runs")),
    )
    op.create_index("ix_cohort_runs_cohort", "cohort_runs", ["cohort_digest", "run_id"])


def downgrade() -> None:
    op.drop_table("cohort_runs")
    op.drop_table("cohorts")
    op.drop_table("population_queries")
    op.drop_column("releases", "cohort_run_id")
    op.drop_column("releases", "report")
