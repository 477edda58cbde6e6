"""Jobs assigned to workers by the size of their files."""
