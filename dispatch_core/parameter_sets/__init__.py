"""Parameter sets: the file, its schema and form, edits of its text, sweeps and comparison."""
