"""Plain, slow-but-readable reference implementations that the product's fast ones are held against."""
