"""MongoDB's query language over JSON values: filters, expressions, aggregation pipelines."""
