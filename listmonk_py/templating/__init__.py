"""The message template language: Go translation, compiling, the HTML pipeline."""
