"""HTTP/1.1 as everything here serves it: one connection class, one set of limits, one or several processes.

It knows no application: the servers, the playground and the demonstration's backend hand it theirs.
"""
