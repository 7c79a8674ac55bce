"""Synthetic registers, labelled data sets, quality and benchmarks: how Wasl measures itself."""
