"""The story that ``undersign demo`` tells: four parties, two documents, five refusals, one log."""
