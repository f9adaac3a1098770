"""All that was learned, as one decision structure, and where the slots lie in a state's machine words."""
