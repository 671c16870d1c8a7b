"""What the integration tests share: the cluster, processes of kstream, records of any bytes."""
