"""Fields of a request: the kinds of their values, and what is wrong with one."""
