"""The managed Python runtime: a client of the Lambda Runtime API that runs one handler.

It imports nothing of tatami and nothing outside the standard library, and runs on every CPython >= 3.9.

Theory of operation. A cold start is paid by a caller who waits, so a module of the standard library is
loaded when first needed: `logging` and `json` alone double the start of the interpreter. What makes that
safe is `standard_library`: a module which AWS's runtime has loaded before the function's code keeps coming
from the standard library even if the function's folder has a file of that name.
"""
