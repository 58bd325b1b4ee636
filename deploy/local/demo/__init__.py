"""The demo: sample complaints, an example client that sends them, and the story that is told with them."""
