"""What a leaked key lets one read: a drill on synthetic people that runs the attacks and counts."""
