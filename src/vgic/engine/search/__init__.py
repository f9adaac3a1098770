"""The compiled search, from set-up to verdict."""
