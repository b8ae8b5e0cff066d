"""Terminal views: prepared forms as rich renderables."""
