"""The blind relay: messages among institutions that the unit passes on and cannot read."""
