"""The command line: `wasl`."""


def main() -> None:
    """Entry point."""
