"""Widgets on stored results and fast theory."""
