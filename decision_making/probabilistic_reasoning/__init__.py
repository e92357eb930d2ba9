"""Part I of the book: probabilistic reasoning (chapters 2 to 6)."""
