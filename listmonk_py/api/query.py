"""Reading the query string."""

from rest_framework.request import Request

# What Go's strconv.ParseBool takes for true; clients in Python send `True`.
TRUE = frozenset({"1", "t", "T", "true", "True", "TRUE"})


def is_set(request: Request, name: str) -> bool:
    """Whether the parameter says true; anything else, and its absence, means false."""
    return request.query_params.get(name) in TRUE
