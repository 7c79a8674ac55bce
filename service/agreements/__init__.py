"""Agreements that were installed at this unit, with their signatures and approval."""
