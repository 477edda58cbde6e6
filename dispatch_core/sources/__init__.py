"""Sources of records and listers of objects: the Protocols and every implementation."""
