"""A service of several processes: one does everything, the others answer what only looks, and hand over the rest.

What one process has to know (uploads, queues of decoders, jobs, sessions, wrong keys, answers on their way) is known to
the first, the writer. A reader answers a caller whose key it finds itself, or anybody while there are no keys, where
the answer comes from database and index alone (``looks``); every other request goes to the writer as it came, over a
socket in a private folder. They share the listening socket, the database, the memory-mapped index, the audit log
and the metrics.
"""
