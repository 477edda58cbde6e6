"""What a source knows of itself and of a query: fields, values, facets, advice, why and why not."""
