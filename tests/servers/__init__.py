"""Servers on loopback that tests use over real sockets."""
