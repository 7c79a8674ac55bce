"""Blocking: which rows may be compared at all, and how the keys are kept to few persons each."""
