"""AWS Lambda's control plane and Invoke: api → store → model → errors."""
