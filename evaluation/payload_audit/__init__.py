"""Attacks on the payload: who is recognised in the coarsened microdata that the statistics unit would hold.

The encodings' audit asks what the linkage unit learns. This one asks what the statistics unit, or a thief of its
payload, learns from tables that others hold: uniqueness, a join with a leaked table, differencing of two vintages,
trajectories.
"""
