"""Finding files in object storage: one place, many neighbours, a cluster of workers."""
