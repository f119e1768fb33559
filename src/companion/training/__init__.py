"""Descent, one-pass SGD and the training loops."""
