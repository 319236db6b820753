"""What is stored about machines: fingerprints, examinations, and changes that users accepted."""
