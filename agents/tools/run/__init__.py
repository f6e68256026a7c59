"""A whole scenario: live (`up`) or in virtual time (`simulate`)."""
