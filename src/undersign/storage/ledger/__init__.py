"""The ledger: one chain of lines for each database, and all that becomes true with a line, in the same commit.

``opening`` finds or makes the chain; ``ledger`` takes writes from any thread and commits what waits, all in one
transaction; ``batch`` settles that transaction and knows no kind of row by name.
"""
