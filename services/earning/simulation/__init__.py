"""Back-tests: earning's own handlers and SQL over recorded traffic, in databases that are thrown away.

A process of its own (`python -m services.earning.simulation`): the question comes on standard input, progress and the
answer leave on standard output, a JSON object a line. `greenpoints simulate` starts it.
"""
