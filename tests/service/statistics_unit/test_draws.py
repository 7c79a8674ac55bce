"""What the statistics unit makes of uncertain links: draws over records, confidence of a person's registers."""

from __future__ import annotations

import numpy as np
import polars as pl
import pyarrow as pa

from service.statistics_unit.draws import DRAWS, link_uncertainty
from tests.contract.builders import make_agreement

AGREEMENT = make_agreement()[0]
NAMES = [terms.name for terms in AGREEMENT.registers]


def uncertain(probability: float):
    """Two subjects of two registers that may be one person, and a third that is alone."""
    links = pl.DataFrame(
        {
            "register": [NAMES[0], NAMES[0], NAMES[1]],
            "subject_ref": ["s0", "s1", "t0"],
            "person_id": ["p0", "p1", "p0"],
        }
    ).sort("register", "subject_ref")
    places = {row: place for place, row in enumerate(links.select("register", "subject_ref").rows())}
    a, b = sorted((places[NAMES[0], "s0"], places[NAMES[1], "t0"]))
    pairs = pa.table({"a": [a], "b": [b], "probability": [probability], "weight": [3.0]})
    records = {
        NAMES[0]: pl.DataFrame({"subject_ref": ["s0", "s0", "s1"], "record_ref": ["r0", "r1", "r2"]}),
        NAMES[1]: pl.DataFrame({"subject_ref": ["t0"], "record_ref": ["r9"]}),
    }
    return link_uncertainty(pairs, links, records, AGREEMENT), links


def test_a_doubtful_pair_is_apart_in_some_draws_and_its_probability_is_the_confidence() -> None:
    found, _ = uncertain(0.6)
    confidence = {(row[0], row[1]): row[2] for row in found.confidence.rows()}
    assert confidence == {("p0", NAMES[0]): 0.6, ("p0", NAMES[1]): 0.6, ("p1", NAMES[0]): 1.0}
    assert 0 < found.table["draw"].n_unique() < DRAWS


def test_a_sure_pair_is_apart_in_none() -> None:
    assert uncertain(0.9999)[0].table.is_empty()


def test_draws_are_laid_over_records_in_their_order() -> None:
    found, links = uncertain(0.6)
    records = pl.DataFrame({"register": [NAMES[1], NAMES[0], NAMES[0], "other"], "record": ["r9", "r2", "r1", "r9"]})
    laid, detached = found.over(records)
    rows = links.select("register", "subject_ref").rows()
    expected = [rows.index((NAMES[1], "t0")), rows.index((NAMES[0], "s1")), rows.index((NAMES[0], "s0")), -1]
    assert laid.subject_of_record.tolist() == expected
    assert laid.draws == DRAWS
    assert np.array_equal(laid.point, found.point)
    assert np.array_equal(detached.subject_of_record, laid.subject_of_record)
    assert detached.table.is_empty()  # no pair tells how many passes found it


def test_the_same_links_draw_the_same() -> None:
    assert uncertain(0.6)[0].table.equals(uncertain(0.6)[0].table)


def test_subjects_that_one_pass_found_stand_alone_where_the_pairs_tell_their_passes() -> None:
    # 60 persons with a subject in each of two registers, every second found by one pass.
    names = [f"s{n:02d}" for n in range(60)]
    links = pl.DataFrame(
        {"register": [NAMES[0]] * 60 + [NAMES[1]] * 60, "subject_ref": names * 2, "person_id": names * 2}
    ).sort("register", "subject_ref")
    places = {row: place for place, row in enumerate(links.select("register", "subject_ref").rows())}
    found = sorted(sorted((places[NAMES[0], name], places[NAMES[1], name])) for name in names)
    columns = {"a": [a for a, _ in found], "b": [b for _, b in found], "probability": [0.9999] * 60}
    pairs = pa.table({**columns, "weight": [9.0] * 60})
    told = pairs.append_column("passes", pa.array([1, 2] * 30))
    records = {
        name: pl.DataFrame({"subject_ref": own["subject_ref"], "record_ref": own["subject_ref"]})
        for (name,), own in links.partition_by("register", as_dict=True).items()
    }
    once = {place for pair, times in zip(found, [1, 2] * 30, strict=True) for place in pair if times == 1}
    for table, moved in ((pairs, False), (told, True)):
        drawn = link_uncertainty(table, links, records, AGREEMENT)
        assert drawn.table.is_empty()
        assert (drawn.detached.height > 0) == moved
        assert drawn.detached["subject"].is_in([*once]).sum() >= 0.9 * drawn.detached.height
        assert (min(drawn.sensitivity.values()) < 1) == moved
