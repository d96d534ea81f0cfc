"""The playground: seed 003's example service, endpoint by endpoint, in a process where nobody logs in (rule 23)."""
