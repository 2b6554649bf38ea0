"""What a service room is built with: operations, context, errors, paging."""
