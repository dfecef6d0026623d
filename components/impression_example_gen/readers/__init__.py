"""Readers of the formats of a log's files."""
