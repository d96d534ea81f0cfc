"""The signing server: workers sign what a token allows, and a receipt proves who asked; begin at process."""
