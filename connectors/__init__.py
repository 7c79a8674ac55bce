"""The agent of an institution: reads its register, encodes it at home, sends what the agreement allows.

It never sees a link: no match result ever returns to an institution.
"""
