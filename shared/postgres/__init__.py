"""PostgreSQL: the pool, the migrations, a restored backup, and what is cleared away."""
