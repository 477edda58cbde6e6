"""A demo without network access: a generated catalogue behind the real interfaces."""
