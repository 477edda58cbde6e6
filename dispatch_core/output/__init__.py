"""Files come out: one stream of job files becomes a folder, a zip, and a record beside them."""
