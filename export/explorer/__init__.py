"""A static page that runs a published model in the browser: no server code, no network.

python -m export.explorer MODEL [MODEL2] --out=DIR
"""
