"""Cloister: a self-hosted AI appliance. See ARCHITECTURE.md for the map of the house."""

__version__ = "0.1.0"
