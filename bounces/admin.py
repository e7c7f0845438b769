from django.contrib import admin

from listmonk_py.accounts.admin_base import BigTableAdmin

from .models import Bounce

admin.site.register(Bounce, BigTableAdmin)
