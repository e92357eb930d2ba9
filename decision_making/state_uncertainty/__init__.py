"""Part IV of the book: state uncertainty (chapters 19 to 23)."""
