"""`python -m decision_making`."""

from decision_making.cli import main

main()
