"""Commands of `wasl`, one module a group. Heavy libraries are imported inside the commands."""
