"""
The sandbox maker: a small helper program, one a platform, that clones the processes of `namespaces` sandboxes.

It exists because the platform itself must not fork: it has threads and a large heap, and a fork copies the one and
half-copies the other. The maker has one thread, a few megabytes and the standard library; what is imported here is
therefore the standard library and this package only.
"""
