"""Planning: what a set of passes will find, withhold and leak, before anybody encodes; and the set that finds most."""
