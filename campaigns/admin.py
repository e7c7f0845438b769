from django.contrib import admin

from listmonk_py.accounts.admin_base import StaffAdmin

from .models import Campaign, Template

admin.site.register(Campaign, StaffAdmin)
admin.site.register(Template, StaffAdmin)
