"""PostgreSQL: the pool, migrations, restored backups, and housekeeping."""
