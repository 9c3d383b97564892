"""AI models: those inside this house, and the vendors'. Knows no tenants and no SQL.

Trusted: nothing. A provider's answer is text to be checked and shown, never an instruction.
Only `gateway` calls this room, and `assembly` builds it.
"""
