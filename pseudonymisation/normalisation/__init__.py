"""Normalisation: identities of a register, in any script and notation, to forms that can be compared.

What it joins and why stands in each module: names (`names`, `particles`, `titles`, `romanise`, `arabic`,
`skeleton`), dates (`dates`, `date_columns`), numbers (`documents`), countries, texts, and the public table of name
frequencies (`frequency`).
"""

from pseudonymisation.normalisation.fields import (
    FIELD_TYPES,
    STANDARD_FIELDS,
    ColumnReport,
    FieldMapping,
    FieldMappingError,
    NormalisedIdentities,
)
from pseudonymisation.normalisation.frequency import name_frequency_class, public_heavy_skeletons
from pseudonymisation.normalisation.identities import normalise

__all__ = [
    "FIELD_TYPES",
    "STANDARD_FIELDS",
    "ColumnReport",
    "FieldMapping",
    "FieldMappingError",
    "NormalisedIdentities",
    "name_frequency_class",
    "normalise",
    "public_heavy_skeletons",
]
