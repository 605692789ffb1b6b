"""The two surfaces: typed gRPC services and the REST facade, over the same use cases."""
