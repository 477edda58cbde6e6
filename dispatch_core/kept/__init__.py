"""Small texts that outlive the process: private files within bounds, found by a secret name."""
