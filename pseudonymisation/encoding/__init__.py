"""Encoding profiles: normalised identities in, one Arrow table for each blocking pass out.

`profile_for` gives the profile that an agreement names: `blind_blocks` (default), `record`, or `clear` (evaluation).
"""
