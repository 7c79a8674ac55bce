"""Entry point of the command line.

Errors that Wasl raises on purpose become a message with advice and their own exit code; with
``--json`` they become one problem object (RFC 9457) on standard error.
"""

from __future__ import annotations

import json
import sys

from contract.errors import WaslError

UNEXPECTED = 70  # EX_SOFTWARE


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
    except Exception as error:  # noqa: BLE001  the last place that can keep a value out of a trace
        # a library's message may quote a value: say what happened and where, never the message
        from service.logs import describe

        told = describe(error)
        places = " ".join(told["at"])
        if "--json" in given:
            problem = {"type": "urn:wasl:error:unexpected", "title": told["error"], "where": {"at": places}}
            sys.stderr.write(json.dumps({**problem, "exit_code": UNEXPECTED}) + "\n")
        else:
            sys.stderr.write(f"Error [unexpected]: {told['error']} at {places}\nNext: report these two lines.\n")
        raise SystemExit(UNEXPECTED) from None


if __name__ == "__main__":
    main()
