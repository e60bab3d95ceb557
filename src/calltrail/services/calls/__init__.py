"""Receiving a call: let in, recorded, carried out, answered."""
