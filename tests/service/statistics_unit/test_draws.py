"""What the statistics unit makes of uncertain links: draws over records, confidence of a person's registers."""

from __future__ import annotations

import numpy as np
import polars as pl
import pyarrow as pa

from linkage.pairs import SubjectPairs
from service.statistics_unit.draws import DRAWS, link_uncertainty, missed_links
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
    laid = found.over(records)
    rows = links.select("register", "subject_ref").rows()
    expected = [rows.index((NAMES[1], "t0")), rows.index((NAMES[0], "s1")), rows.index((NAMES[0], "s0")), -1]
    assert laid.subject_of_record.tolist() == expected
    assert laid.draws == DRAWS
    assert np.array_equal(laid.point, found.point)


def test_the_same_links_draw_the_same() -> None:
    assert uncertain(0.6)[0].table.equals(uncertain(0.6)[0].table)


def test_missed_links_are_counted_in_persons_not_in_pairs_of_subjects() -> None:
    # 40 persons with two subjects in register 0 and one in register 1: 80 pairs, most of them found by one pass only.
    register = np.tile(np.array([0, 0, 1], dtype=np.int64), 40)
    point = np.repeat(np.arange(40, dtype=np.int64), 3)
    first = np.arange(0, 120, 3)
    a, b = np.concatenate([first, first + 1]), np.concatenate([first + 2, first + 2])
    order = np.lexsort((b, a))
    pairs = SubjectPairs(a[order], b[order], np.full(80, 0.99), np.full(80, 5.0))
    passes = np.ones(80, dtype=np.int64)
    passes[::4] = 2
    (found,) = missed_links(register, [1], pairs, passes, point)
    # Chao: 60 * 59 / (2 * 21) pairs were seen by no pass; two pairs are one link.
    assert (found.register_a, found.register_b) == (0, 1)
    assert found.expected == 60 * 59 / (2 * 21) / 2
    assert found.deviation > 0


def test_nothing_is_missed_where_every_pair_was_found_twice() -> None:
    pairs = SubjectPairs(np.array([0]), np.array([1]), np.array([0.99]), np.array([5.0]))
    assert missed_links(np.array([0, 1]), [], pairs, np.array([2]), np.array([0, 0])) == []
