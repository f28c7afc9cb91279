"""A stand-in for AIPerf, which takes 1.2 GB: the options and the file that distilbench knows of."""
