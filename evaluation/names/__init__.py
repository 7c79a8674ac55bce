"""Recall of names: how well two spellings of one name are told from two names, by origin and script."""
