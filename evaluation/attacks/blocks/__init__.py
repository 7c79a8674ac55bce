"""The unseeded block fingerprint: which block of a pass is which key value, and which row is whom.

`fingerprint.attack_pass` attacks one pass table, `leakage` scores passes and their union, `controls` says whether the
attack works at all.
"""
