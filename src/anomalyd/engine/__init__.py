"""The one window function that preview, historical analysis and real time all run."""
