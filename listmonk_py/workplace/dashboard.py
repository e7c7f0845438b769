"""The admin's first page."""


def dashboard_callback(request, context):
    return context
