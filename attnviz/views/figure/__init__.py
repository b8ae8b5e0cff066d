"""Pictures: a prepared form as PNG, SVG or PDF bytes; a module for each kind, on one shared layout."""
