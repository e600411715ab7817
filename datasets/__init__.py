"""One YAML file per data set: layout, licence, where to get it, how to import it."""
