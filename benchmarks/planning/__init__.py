"""Part II side by side: planning with approximate value functions, online and from tables."""
