"""Dummies among the rows leave the model that the linkage unit estimates, and what it decides, as they were."""

import numpy as np
import polars as pl
import pytest

from contract.agreement import CapTerms, ProfileTerms
from evaluation.planning.agreement import planning_agreement
from evaluation.planning.errors import ErrorRates
from evaluation.planning.population import synthetic_persons, views
from linkage.compare import count_patterns, emit_edges
from linkage.em import fit
from linkage.loading import load_pass
from linkage.plan import plan_of
from pseudonymisation.blocking.planner import plan_passes
from pseudonymisation.encoding.profile import EncodingContext, profile_for
from pseudonymisation.randomness import SeededRandomness

FIELDS = ("given_names", "family_name", "birth_date", "sex", "nationality")
KEY = bytes(range(32))
PERSONS = 1200


def linked(share: float) -> dict[str, float]:
    """Link two registers that have half of their persons in common, with dummies; figures over real rows alone."""
    registers = views(synthetic_persons(PERSONS, 5), {"holder": FIELDS, "other": FIELDS}, {}, ErrorRates(), 5)
    half = {"holder": pl.col("subject") < 800, "other": pl.col("subject") >= 400}
    passes = plan_passes({"holder": FIELDS, "other": FIELDS}, {}, PERSONS)[:6]
    made = planning_agreement(FIELDS, {}, passes, CapTerms(), PERSONS)
    made = made.model_copy(update={"profile": ProfileTerms(dummy_share=share)})
    encoded = {}
    for register in registers:
        rows = register.identities.filter(half[register.name]).with_columns(pl.lit(0, dtype=pl.Int32).alias("identity"))
        context = EncodingContext(made, register.name, KEY, random=SeededRandomness(register.name.encode()))
        encoded[register.name] = profile_for(made).encode(rows, context)
    plan = plan_of(made)
    tables = {
        terms.name: load_pass({name: one[terms.name].table for name, one in encoded.items()}, plan, terms.name)
        for terms in passes
    }
    model = fit({name: count_patterns(arrays, plan, 0, len(arrays)) for name, arrays in tables.items()}, plan)
    found = []
    for name, arrays in tables.items():
        edges = pl.DataFrame(pl.from_arrow(emit_edges(arrays, plan, model, 0, len(arrays))))
        owners = pl.concat([one[name].handles.select("handle", "subject") for one in encoded.values()])
        real = edges.join(owners, left_on="handle_a", right_on="handle")
        real = real.join(owners, left_on="handle_b", right_on="handle", suffix="_b")
        found.append(real.select("subject", "subject_b", "probability"))
    best = pl.concat(found).group_by("subject", "subject_b").agg(pl.col("probability").max())
    same = (best["subject"] == best["subject_b"]).to_numpy()
    probability = best["probability"].to_numpy()
    claimed = probability >= 0.5
    return {
        "f1": 2 * float((claimed & same).sum()) / (float(claimed.sum()) + 400),
        "expected_to_true": float(probability.sum()) / float(same.sum()),
        "u": float(np.mean([table[:, 0].mean() for table in model.u.values()])),
        "m": float(np.mean([table.max(axis=-1).mean() for table in model.m.values()])),
    }


def test_the_model_and_the_links_are_unbiased_by_dummies():
    without, among = linked(0.0), linked(0.25)
    assert without["f1"] > 0.9
    assert among["f1"] == pytest.approx(without["f1"], abs=0.01)
    assert among["expected_to_true"] == pytest.approx(without["expected_to_true"], abs=0.05)
    assert among["u"] == pytest.approx(without["u"], abs=0.03)
    assert among["m"] == pytest.approx(without["m"], abs=0.03)
