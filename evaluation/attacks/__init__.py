"""Attacks on our own encodings: what a unit that knows the population could learn from what it sees."""
