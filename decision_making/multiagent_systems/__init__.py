"""Part V of the book: multiagent systems (chapters 24 to 27)."""
