"""The query builder: a query as a form and back, pasted text, paths in both schemas."""
