"""The composition root, a module a process: the only place that names concrete classes."""
