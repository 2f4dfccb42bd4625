"""Everything that makes pages: lessons, Markdown, rendering, bundling. Nothing here imports torch."""
