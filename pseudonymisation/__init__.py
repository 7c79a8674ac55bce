"""What turns identities into encodings: keys and ceremony, normalisation, blocking, profiles.

Runs only at institutions; the units never import it.
"""
