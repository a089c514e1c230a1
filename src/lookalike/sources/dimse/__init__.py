"""A PACS without DICOMweb as a source (DICOM PS3.4 C): C-FIND lists, C-MOVE sends what is new to a receiver of ours."""
