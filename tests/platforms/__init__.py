"""Stand-ins for platforms' control ports: as strict as their documentation, and as bad as they may be."""
