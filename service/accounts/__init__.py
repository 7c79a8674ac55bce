"""Local accounts of a unit's people, their roles, and the sessions of those signed in."""
