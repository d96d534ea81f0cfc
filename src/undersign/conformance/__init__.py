"""Conformance: what anything that takes one of our protocols' places must hold to, as functions a test can call."""
