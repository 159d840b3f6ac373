"""The main job: every notebook executed, its figures collected, and a manifest that says what they were made from."""
