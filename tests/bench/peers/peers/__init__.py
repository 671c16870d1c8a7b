"""kstream beside what it takes the place of: see run.py, which this package is of."""
