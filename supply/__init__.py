"""What the project is made of: bills of materials (``make sbom``) and known advisories (``make advisories``)."""
