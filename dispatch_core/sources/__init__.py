"""Where records come from and where objects are listed: the Protocols and every edge."""
