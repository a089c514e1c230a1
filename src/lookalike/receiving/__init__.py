"""A storage SCP (DICOM PS3.4 B): C-STORE and C-ECHO, received into a folder that survives a kill.

The bytes of a peer are read here and not by a library, since every limit has to hold before anything is parsed: who may
connect, how long a PDU may be, how slowly it may come. What the messages mean is left to pynetdicom and pydicom, and
without these ``folder``, ``known`` and ``settings`` can be used.

``receiver`` runs it in a process of its own; ``scp.listening`` in threads of this one, for whoever is the destination
of a C-MOVE.
"""
