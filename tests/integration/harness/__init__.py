"""What the integration tests share: the cluster, processes of kstream, jobs, records of any bytes."""
