"""Text in, values out: strict JSON, spreadsheets, words."""
