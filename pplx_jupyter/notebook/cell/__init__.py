"""A research cell: its line and prompt become a question, and the question a job."""
