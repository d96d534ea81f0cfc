"""The only room that knows SQL: the schema and its migrations, the one writer, sealed keys, the stored chain."""
