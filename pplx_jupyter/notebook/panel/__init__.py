"""A job under way, live: the panel and what it says, the painter, the sound and the notification at its end."""
