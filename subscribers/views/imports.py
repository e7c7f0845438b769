from listmonk_py.api.views import NotBuiltView


class Import(NotBuiltView):
    feature = "Import"


class Log(NotBuiltView):
    feature = "Import"


class Rejects(NotBuiltView):
    feature = "Import"
