from django.contrib import admin

from listmonk_py.accounts.admin_base import StaffAdmin

from .models import Media

admin.site.register(Media, StaffAdmin)
