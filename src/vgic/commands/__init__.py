"""The commands of the command line, one file a command.

Each has `add`, which puts it into a parser, and `run`, which reads its options, does the work, tells it by a report of
`vgic.view`, and returns the exit status. What is heavy is imported when a command runs: so the command line starts at
once. What can't be used is `Refused`, or a `ScenarioError` of what did the work; `vgic.cli` says it.
"""
