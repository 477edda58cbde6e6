"""Earlier dispatches, ours or anybody's: a worker folder, a zip or a record.

`contents` reads them as values, one for each job.
"""
