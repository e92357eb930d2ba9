"""Imports every module of fuzzers, which registers them."""

from tests.fuzzing import fuzz_arguments, fuzz_environments, fuzz_files, fuzz_numbers, fuzz_selection  # noqa: F401
