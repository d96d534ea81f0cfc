"""JSON Web Algorithms (RFC 7518): what each algorithm name means, one row each."""
