"""What is looked for: a module for each kind of thing, each with its rules in `RULES`. A rule's name ends with its version."""
