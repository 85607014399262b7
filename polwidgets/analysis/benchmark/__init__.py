"""Every classifier on every test set, without leaks, with and without context.

`sets` says what is tested on, `plan` what is trained, `run` does it, `table` and `figures` show it, `leak` shows what a
random split hides.
"""
