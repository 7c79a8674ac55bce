"""Attacks on pass tables of the profile `blind_blocks`: which block is which key value, and which row is whom.

`audit.audit_blocks` runs every attack on one register and `joint.attack_together` the main one on several registers'
tables of a pass. `fingerprint` weighs distances and equal cells, `equality` looks equality graphs up, `seeded` starts
from known pairs, `frequency`, `patterns` and `handles` look at what is left; `leakage` scores passes and their union,
and `controls` says whether the attacks work at all.
"""
