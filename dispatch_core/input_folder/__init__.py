"""The files of an input folder: which are read, and which are not."""
