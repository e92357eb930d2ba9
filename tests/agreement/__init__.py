"""Do results agree across versions of Python and NumPy? `python -m tests.agreement` asks every interpreter there is."""
