"""The servers as real processes on loopback: what an answered request costs, and what several of them answer."""
