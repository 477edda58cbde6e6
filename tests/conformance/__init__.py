"""What every implementation of a Protocol does; its tests inherit the suite and give fixtures."""
