"""The numbers of each chapter beside the book's: used by `decision-making chapter` and by the tests."""
