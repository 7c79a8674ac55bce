"""What institutions encode is exactly what the linkage unit takes, for every field and profile."""

from __future__ import annotations

import io

import numpy as np
import polars as pl
import pyarrow as pa
import pytest

from contract.agreement import ProfileTerms, RegisterTerms
from contract.fields import STANDARD_FIELDS, FieldType
from pseudonymisation.encoding.columns import pass_schema
from pseudonymisation.encoding.stored import write_pass_table
from service.submissions.tables import TableError, check_pass_table, check_payload, pass_columns
from tests.contract.builders import make_agreement
from tests.linkage.test_tables import varint
from tests.service.parties import PASSES, REGISTERS, payload

OWN = {f"own_{kind.value}": kind for kind in FieldType}


@pytest.mark.parametrize("profile", ["blind_blocks", "clear"])
def test_every_encoded_column_is_taken_with_its_type(profile: str) -> None:
    register = RegisterTerms(name="all", holder="cnss", fields=(*STANDARD_FIELDS, *OWN))
    agreement, _ = make_agreement(registers=(register,), own_fields=OWN, profile=ProfileTerms(name=profile))
    taken = pass_columns(agreement)
    for field in pass_schema(agreement, clear=profile == "clear"):
        if field.name not in {"handle", "block"}:
            assert taken[field.name] == field.type, field.name


def test_payload_written_by_polars_is_taken(tmp_path) -> None:
    agreement, _ = make_agreement(registers=REGISTERS, passes=PASSES)
    for name, table in payload().items():
        frame = pl.from_arrow(table)
        assert isinstance(frame, pl.DataFrame)
        content = io.BytesIO()
        frame.with_columns(pl.col(pl.String).cast(pl.Categorical)).write_parquet(content)
        (tmp_path / name).write_bytes(content.getvalue())
    rows = check_payload(tmp_path, agreement, REGISTERS[0], max_rows=10)
    assert rows == {"handles.parquet": 2, "records.parquet": 1, "events.parquet": 2}


@pytest.mark.parametrize("claimed", [200, 4000])
def test_a_pass_table_that_says_another_number_of_rows_is_refused(tmp_path, claimed: int) -> None:
    agreement, _ = make_agreement(registers=REGISTERS, passes=PASSES)
    rows = np.arange(1000, dtype=np.uint64)
    path = tmp_path / "names.parquet"
    write_pass_table(pa.table({"handle": rows, "block": rows}), path)
    assert check_pass_table(path, path.name, agreement, max_rows=10_000) == 1000
    content = path.read_bytes()
    at = content.index(varint(1000), len(content) - 8 - int.from_bytes(content[-8:-4], "little"))
    path.write_bytes(content[:at] + varint(claimed) + content[at + 2 :])
    with pytest.raises(TableError):
        check_pass_table(path, path.name, agreement, max_rows=10_000)
