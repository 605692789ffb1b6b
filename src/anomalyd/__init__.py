"""anomalyd: anomaly detection for time series over gRPC and REST."""
