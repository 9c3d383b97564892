"""The foundation: transactions, jobs, sealing, blobs, egress, logs. It has no idea what product this is."""
