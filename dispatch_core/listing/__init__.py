"""How files are found in object storage: one place, many neighbours, inventories, a cluster."""
