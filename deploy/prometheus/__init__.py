"""The alerts, as code."""
