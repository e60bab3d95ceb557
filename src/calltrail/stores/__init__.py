"""The places where things are kept: implementations of the ports in services/ports.py."""
