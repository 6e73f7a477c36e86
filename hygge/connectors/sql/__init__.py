"""What connectors of databases share: names, pools of connections, commit rows, the target."""
