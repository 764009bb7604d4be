"""PostgreSQL, to which every statement says whose rows it may see."""
