"""The only code that talks to a ComfyUI server."""
