"""The query builder: a query as a form and back, what people paste, the two schemas' spellings."""
