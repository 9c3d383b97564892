"""The parser's child process: one per file, confined before it looks at a byte of structure.

It imports nothing of the house, so that a document that takes it over finds no keys, no
database and no settings: only its own bytes. Run by `knowledge.parsing`.
"""
