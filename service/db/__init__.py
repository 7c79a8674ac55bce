"""The unit's database: SQLite by default, PostgreSQL by URL; both behave alike."""
