"""Questions about a source: fields, values, facets, advice, why a query or asset fails."""
