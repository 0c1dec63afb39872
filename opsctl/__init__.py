"""opsctl: the operations CLI that platform and on-call engineers keep open.

Everything the command line does can be called from Python: each feature package
(`environments`, `smoke`, `local`, `terraform`) has its public functions in its `__init__`.
"""

__version__ = "0.1.0"
