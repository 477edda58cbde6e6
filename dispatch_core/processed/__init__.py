"""Which jobs are already processed: their identity, and the results that a wrapper recorded.

A wrapper writes one record for each job that it finished. `frame` says whose results count,
`identity` computes the name of a job's record, `meaning` compares jobs with records that are
written in another way, `results` reads the collection, and `judge` decides.
"""
