"""The compiled loops: no knowledge of a model, no Python objects."""
