"""What all parties share: the agreement, the submission format, the registers, the errors.

A leaf: it imports none of the other rooms, so that an institution and a unit can be sure that
they mean the same thing without seeing each other's code.
"""
