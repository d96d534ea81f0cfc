"""The authorization server: clients prove themselves and are granted tokens (RFC 6749); begin at token_endpoint."""
