"""Profiles of JWT: one kind of token each, with its ``typ`` fixed, to mint and to verify."""
