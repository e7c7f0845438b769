from django.contrib import admin

from listmonk_py.accounts.admin_base import StaffAdmin

from .models import Setting

admin.site.register(Setting, StaffAdmin)
