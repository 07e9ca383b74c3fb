"""Image bytes: checking, caching, encoding, placeholders."""
