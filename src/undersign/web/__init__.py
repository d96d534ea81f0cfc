"""HTTP: Starlette around the domains; the only room that awaits between the two writes (DESIGN section 4)."""
