"""The commands of the command line, one file a topic. `add` puts its commands into a parser; work is imported late."""
