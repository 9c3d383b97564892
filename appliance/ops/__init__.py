"""Running the house: data directory, embedded Postgres, process tree, migrations, checks. For the operator's doors."""
