"""Many dubs: a table of jobs, who runs them (here, other processes, Ray), and what is told of all of them."""
