"""Which language runtimes this machine has, and the SDK that functions may import."""
