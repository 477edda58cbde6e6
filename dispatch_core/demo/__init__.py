"""The demo that needs no network: a generated catalogue behind the real interfaces."""
