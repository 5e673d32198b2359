"""The tree API under `/api`: a user's trees, read and changed by hand. Described by the OpenAPI document at `/api/docs`."""
