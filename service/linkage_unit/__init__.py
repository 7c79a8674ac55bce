"""The linkage unit: compares pass tables of accepted submissions and delivers edges. Holds no key, no payload."""
