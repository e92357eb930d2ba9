"""Fuzzers: random cases without end, each made from one number, which is printed where it fails.

A fuzzer is a function of a random generator and of an empty folder. It makes a case and raises where the library does
wrong. `python -m tests.fuzzing --seconds 3600` runs all of them in turn for an hour.
"""
