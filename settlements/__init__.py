"""DOES IT ADD UP: reconciliations, the terminal's count against the host's."""
