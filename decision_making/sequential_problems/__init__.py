"""Part II of the book: sequential problems (chapters 7 to 14)."""
