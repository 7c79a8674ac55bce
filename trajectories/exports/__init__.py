"""Files that leave: spells and indicators in the forms that statistical programs read, each with its metadata."""

from trajectories.exports.files import (
    META_SUFFIX,
    code_digest,
    indicators_csv,
    write_described,
    write_indicators,
    write_spells,
)

__all__ = ["META_SUFFIX", "code_digest", "indicators_csv", "write_described", "write_indicators", "write_spells"]
