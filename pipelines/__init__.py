"""Ready configurations for ``--config``."""
