"""What `import attnviz` gives: run, compare, explain, save and show."""
