"""What people look at: the operators' console and the resident's page, over the one history.
May import tools and what lies above it.
Begin with chronicle.py, then console/app.py.
"""
