"""Parameter sets in the hands of a person: schema, form, edits of the text, sweeps, comparison."""
