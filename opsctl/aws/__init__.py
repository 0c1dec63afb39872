"""The one way to AWS: who we are there (`Access`), and clients that retry, page and speak our errors (`Aws`)."""

from opsctl.aws.access import Access

__all__ = ["Access"]
