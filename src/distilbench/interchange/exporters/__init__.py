"""One file for each form that results are written in. It is found here, and named nowhere else."""
