"""The past of a stream: delays and windows."""
