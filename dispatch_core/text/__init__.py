"""Conversions between text and values: strict JSON, JSON edits, CSV cells, file extensions."""
