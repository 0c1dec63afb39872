"""The local edge: where viewers connect by TLS, where they are said to be, and what CloudFront and API Gateway keep.

Pure parts live here; `gaps/edge.py` and `gaps/stages.py` put them around the emulator's data planes.
"""
