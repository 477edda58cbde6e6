"""MongoDB's query language over JSON values: filters, regular expressions, expressions."""
