"""What the surroundings of the process say: its ``.env`` file, and the platform it runs on."""
