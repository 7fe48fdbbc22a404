"""ComfyUI nodes: schemas, sockets, devices, progress."""
