"""Clusterings that others use, to compare ours with. The product does not use them."""
