"""Importers of data sets in which human observers judged pictures."""
