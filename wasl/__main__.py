"""Entry point of the command line.

Errors that Wasl raises on purpose become a message with advice and their own exit code; with
``--json`` they become one problem object (RFC 9457) on standard error.
"""

from __future__ import annotations

import json
import sys

from contract.errors import WaslError


def main(arguments: list[str] | None = None) -> None:
    """Run the command line and exit."""
    from wasl.cli.root import app

    given = sys.argv[1:] if arguments is None else arguments
    try:
        app(args=given, prog_name="wasl")
    except WaslError as error:
        if "--json" in given:
            sys.stderr.write(json.dumps({**error.problem(), "exit_code": error.exit_code}) + "\n")
        else:
            sys.stderr.write(f"Error [{error.code}]: {error.diagnostics()}\n")
        raise SystemExit(error.exit_code) from error


if __name__ == "__main__":
    main()
