"""The audit log: who searched, looked, exported, labelled, erased, signed in and was refused.

Lines of JSON in a folder of their own, apart from every gallery and from the application's log. Each line carries the
authentication code of the one before, by a key that lies elsewhere, so that a line that is changed, removed or moved is
found (``verify``). No line holds a name, a number, a date or a word of a patient: records are named by their ids and
patients by the gallery's pseudonyms.
"""
