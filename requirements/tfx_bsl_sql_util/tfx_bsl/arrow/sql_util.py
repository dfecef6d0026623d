"""Stands where tensorflow-data-validation 1.16.1 imports it; used by its slicing by SQL alone, which this has not."""


class RecordBatchSQLSliceQuery:
    """Refuses to be made."""

    def __init__(self, sql: str, arrow_schema: object):
        raise NotImplementedError(f"slicing statistics by SQL needs tfx-bsl 1.17. Received: {sql}")
