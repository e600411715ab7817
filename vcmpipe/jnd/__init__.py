"""Everything about human eyes: models, maps, data sets, training and visual quality. It plugs in by name."""
