"""The registers of the architecture, as data: one file a frame."""
