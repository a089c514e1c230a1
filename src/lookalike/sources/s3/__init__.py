"""An object store that speaks S3 as a source: it is listed, and what is new or has changed is fetched."""
