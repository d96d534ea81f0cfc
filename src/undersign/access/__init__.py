"""Who may: token issuers that are trusted, and rules over what their tokens say."""
