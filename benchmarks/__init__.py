"""How fast the package is: `python -m benchmarks` prints every claim, two modules print more of one kind."""
