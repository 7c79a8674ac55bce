"""Where agreement levels begin and end: bounds on Hamming distances, as integers.

A 128-bit sketch estimates the Jaccard index J of two bigram sets as 1 - 2 h / 128 (h: Hamming
distance), with a standard error of about .08. A name is compared by the mean of its romanised form
and its consonant skeleton, that is by the sum D of two distances: J = 1 - D / 128. One wrong letter
in a name of six leaves J about .55 (romanised) and .4 to 1 (skeleton); unrelated names have J below
.2. Integers keep the kernels and their NumPy twins equal to the last bit.
"""

from __future__ import annotations

from typing import Final

NAME_CLOSE: Final = 45  # J >= .65: a wrong letter in a long name, another spelling of the same skeleton
NAME_NEAR: Final = 64  # J >= .50: one wrong letter
NAME_PARTIAL: Final = 84  # J >= .34: two wrong letters, or one of two names
NAME_WEAK: Final = 100  # J >= .22: more than chance leaves to unrelated names
ORDER_MARGIN: Final = 40  # swapped only if J is better by .3 a name: unrelated names differ by less
FULL_CLOSE: Final = 38  # J >= .70 over all names
FULL_NEAR: Final = 58  # J >= .55: one of three names more
FULL_PARTIAL: Final = 77  # J >= .40: one of two names more
FULL_WEAK: Final = 95  # J >= .26: about half the names
SKETCH_CLOSE: Final = 26  # J >= .60, one sketch: a typing error in a text
SKETCH_PARTIAL: Final = 45  # J >= .30
DOCUMENT_NEAR: Final = 28  # J >= .56: one wrong character of eight (J = .78), mostly also two neighbours swapped
