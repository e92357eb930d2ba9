"""Part III of the book: model uncertainty (chapters 15 to 18)."""
