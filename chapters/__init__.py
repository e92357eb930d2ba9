"""The chapters of the book, a script each, to be read from top to bottom or opened as notebooks."""
