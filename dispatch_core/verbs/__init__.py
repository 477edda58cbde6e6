"""The verbs of the command line, beside the dispatch itself, which needs no verb.

Each module of this folder but `run_verb` is one verb: ``add_arguments`` and ``run``, which
returns the exit code. Only the module of the verb that is called is imported.
"""
