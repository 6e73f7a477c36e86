"""A web page of status, history and runs: what it shows, its plots, its pages, its server."""
