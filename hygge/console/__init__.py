"""What a person sees: renderers of events, tables, diagnostics and errors."""
