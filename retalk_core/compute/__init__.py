"""Where networks compute: who lends them, devices and precision, memory, batches."""
