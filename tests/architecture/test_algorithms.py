"""One row says all of one algorithm (DESIGN section 3)."""

from __future__ import annotations

import ast
from collections import defaultdict

from tests.architecture.reading import docstring_nodes, files, name, tree

JWS_ALGORITHMS = (
    *("HS256", "HS384", "HS512", "RS256", "RS384", "RS512", "PS256", "PS384", "PS512"),
    *("ES256", "ES384", "ES512", "ES256K", "EdDSA", "ML-DSA-44", "ML-DSA-65", "ML-DSA-87"),
)  # Ed25519 and Ed448 are names of curves as well, which jwk/okp.py must know


def test_each_algorithm_is_named_in_one_source_file() -> None:
    """The name of an algorithm is a string of code, docstrings aside, in exactly one file of the package."""
    places: dict[str, set[str]] = defaultdict(set)
    for path in files():
        if path.parent.name == "conformance":  # cases for other libraries spell algorithms as tokens do
            continue
        documented = docstring_nodes(path)
        for node in ast.walk(tree(path)):
            if isinstance(node, ast.Constant) and node.value in JWS_ALGORITHMS and id(node) not in documented:
                places[node.value].add(name(path))
    assert {found: sorted(where) for found, where in places.items() if len(where) > 1} == {}
    assert sorted(places) == sorted(JWS_ALGORITHMS)
