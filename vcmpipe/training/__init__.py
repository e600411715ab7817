"""Training of threshold predictors, and what they are judged by."""
