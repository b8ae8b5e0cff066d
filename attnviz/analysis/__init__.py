"""Questions to attention: order, distance, comparison, ablation, cost."""
