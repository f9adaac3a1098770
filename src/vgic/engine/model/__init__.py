"""What a model is made of, what it may hold, and what a search says of it."""
