"""Encryption at rest: keys, how values are sealed, which columns are, and how a database changes its key.

Only values are sealed, one by one, so any database can hold them. Nothing here is loaded where no key is named.
"""
