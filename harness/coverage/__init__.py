"""Which changed lines of CloudStack's code the matrix exercised, from the execution data of a run."""
