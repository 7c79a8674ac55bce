"""The end of retention: everything of an agreement is deleted, and signed evidence of it stays."""
