"""Spells, residence, indicators, disclosure control and exports of the statistics unit.

Knows no encoding, no key and no service: linked registers go in, protected tables come out.
"""
