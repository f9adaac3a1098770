"""What is looked up instead of being walked again."""
