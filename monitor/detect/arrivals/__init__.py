"""Health of loggers by when their records arrive and what their statuses say."""
