"""What the running notebook is: profile, device, cluster, folders, events."""
