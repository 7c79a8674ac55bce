"""Coverage-guided fuzzing of normalisation and encoding with atheris, which is no dependency of the project.

Install atheris into an environment that has the project's requirements, then, from the project's folder:

    python -m tests.fuzz.fuzz_normalise_encode -max_total_time=600 [CORPUS_FOLDER]

Any exception that is not the project's own stops it with the input that made it (a file ``crash-…``); give that file
as the only argument to see it again, and add it to `tests/fuzz/test_bad_identities.py`.
"""

from __future__ import annotations

import sys
from typing import Any


def main() -> None:
    """Run libFuzzer with its own arguments."""
    try:
        import atheris
    except ImportError:
        sys.exit("atheris is not installed: it is a tool for this file alone.")
    # numba compiles from bytecode, which instrumenting changes: the compiled kernels are loaded before
    import pseudonymisation.encoding.prf
    import pseudonymisation.encoding.sketches
    import pseudonymisation.keys.tree  # noqa: F401

    with atheris.instrument_imports(include=["pseudonymisation"]):
        from tests.fuzz import target
    names = sorted(target.FIELDS)
    target.check_rows([dict.fromkeys(names, "Samira 1984-05-17")])  # compiles the kernels before the clock runs

    def one(data: bytes) -> None:
        source: Any = atheris.FuzzedDataProvider(data)
        if source.ConsumeIntInRange(0, 127):  # a whole table costs as much as thousands of names
            target.check_name(source.ConsumeUnicode(400))  # lone surrogates too: a table cannot hold them
            return
        profile = "record" if source.ConsumeIntInRange(0, 3) == 0 else "blind_blocks"
        rows = []
        for _ in range(source.ConsumeIntInRange(1, 4)):
            rows.append(
                {name: source.ConsumeUnicodeNoSurrogates(40) if source.ConsumeBool() else None for name in names}
            )
        target.check_rows(rows, profile, twice=False)

    atheris.Setup(sys.argv, one)
    atheris.Fuzz()


if __name__ == "__main__":
    main()
