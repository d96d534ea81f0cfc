"""A signing backend: an application of an undersign customer, which has documents signed for the people who use it."""
