"""Image files before they are decoded: headers, checks, a cache of what was seen."""
