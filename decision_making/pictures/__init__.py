"""Everything that is drawn: policies and values, learning curves, films."""
