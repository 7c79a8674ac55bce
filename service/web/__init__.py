"""The pages of a unit: rendered on the server, in French, Arabic and English, each with a JSON twin."""
