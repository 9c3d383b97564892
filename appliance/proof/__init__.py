"""What an auditor runs offline: pure, from the standard library alone. `python -m appliance.proof export.jsonl`.

Separate from `audit`, whose import would drag the database onto the auditor's laptop.
"""
