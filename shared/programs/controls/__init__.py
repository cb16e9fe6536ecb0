"""The publish controls of red-lines.md, one file each: what a pack must satisfy before it may be applied.

Each offers `check(pack, previous, context) -> tuple[Finding, ...]`, pure. `previous` are the published versions that
this one would replace within the notice of C21, none for a program's first version.
"""
