"""Defects that a lab can be given, each in one place; they prove that the cases catch what is wrong."""
