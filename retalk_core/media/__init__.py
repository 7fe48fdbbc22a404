"""Clips and sound, in and out of files and memory: exact times, true colours, bounded memory."""
