"""The statistics unit: edges and payload to persons, trajectories and protected tables. Holds no encodings."""
