from django.contrib import admin

from listmonk_py.accounts.admin_base import BigTableAdmin, StaffAdmin

from .models import ImportJob, List, Subscriber

admin.site.register(List, StaffAdmin)
admin.site.register(Subscriber, BigTableAdmin)
admin.site.register(ImportJob, StaffAdmin)
