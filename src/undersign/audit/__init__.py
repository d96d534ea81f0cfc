"""The log of every server: entries, chained by hash, under signed heads; no storage and no I/O here."""
