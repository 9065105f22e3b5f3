"""The interface as OpenAPI 3.1 describes it."""

from monitor.web.openapi.document import document

__all__ = ["document"]
