"""The transformations: evaluate, stage, jvp, linearize, transpose, batch. One file, one transform."""
