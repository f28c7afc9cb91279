"""One file for each program whose results are read. It is found here, and named nowhere else."""
