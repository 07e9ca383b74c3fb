"""Workflow templates and what they become. Pure: no I/O, no logging, no clock."""
