"""WHAT IS TOLD: the home page and what reads several rooms at once."""
