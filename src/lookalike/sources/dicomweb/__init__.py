"""A PACS over DICOMweb (PS3.18) as a source: QIDO-RS lists, WADO-RS fetches what is new, and nobody else is asked."""
