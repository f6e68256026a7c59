"""What an installer looks at: which devices are there, what they say, whether they follow."""
