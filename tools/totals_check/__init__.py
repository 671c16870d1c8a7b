"""The parts of tools/check_totals.py: contract, expected totals, comparison, reading of topics."""
