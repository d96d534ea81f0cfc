"""JSON Web Signature, whole; rooms are imported by name (``from undersign import jwk``), so one does not load all."""

__all__ = ["__version__"]

__version__ = "0.1.0"
