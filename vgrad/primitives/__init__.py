"""The operations. One record each, with all its rules; one file per family."""
