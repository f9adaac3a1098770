"""Recorded runs of real systems: readers, replay, lint."""
