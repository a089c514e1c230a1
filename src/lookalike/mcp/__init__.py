"""A gallery for programs that speak the Model Context Protocol: tools that ask, pictures as resources."""
