"""The quality report of a run, and the diagnosis for each producer: aggregates, protected, ready to leave the unit."""
