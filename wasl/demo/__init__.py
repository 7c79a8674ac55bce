"""The demo: all parties as real processes on one machine, on synthetic data. It shows everything, protects nobody."""
