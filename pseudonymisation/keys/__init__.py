"""Keys of an institution: the ceremony that makes the epoch key, the tree below it, the store that keeps them."""
