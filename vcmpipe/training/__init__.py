"""Training of the threshold predictors."""
