"""The door for programs: /api/v1, its description, and what watches the house.

Nothing is imported here: the process that serves /v1 alone takes `programs` and what that needs, and no framework.
"""

PREFIX = "/api/v1"
