"""The page: one .html file that holds everything it needs, and asks nothing of the network."""
