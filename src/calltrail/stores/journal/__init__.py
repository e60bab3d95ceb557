"""The journal: calls in one SQLite database, written by group commit, read in vectorised batches.

The writing half uses Python's own SQLite, the scanning half the copy inside the ADBC driver. Two copies of SQLite in
one process do not see each other's locks on a file, so a process opens `CallJournal` or `JournalReader`, never both.
"""
