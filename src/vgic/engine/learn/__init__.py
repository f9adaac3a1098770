"""What one run of an action reads and changes, found on emptied parts."""
