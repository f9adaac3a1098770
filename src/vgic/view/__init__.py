"""What people see: explanations, lanes and their drawings."""
