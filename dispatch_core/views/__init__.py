"""A plan and its assets as tables, columns, links and reports for users."""
