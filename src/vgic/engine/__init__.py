"""All schedules: every state that a machine of plain Python objects can reach, faster than a compiled checker."""
