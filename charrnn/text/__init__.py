"""Text and numbers: files as text, vocabularies, corpora, and the chunks that a network reads."""
