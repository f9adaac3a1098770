"""All schedules of the laboratory's machine, and what is made of a counterexample."""
