"""The composition root: the command line and the demo. It imports every room; none imports it."""
