"""Systems beside each other on the same clips and voices: pairs, systems, kept work, tables, pictures."""
