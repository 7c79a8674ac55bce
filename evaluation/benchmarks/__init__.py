"""Measurements of speed and memory on made-up data of any size."""
