"""Networks, data, training, traces and export: everything that imports torch."""
