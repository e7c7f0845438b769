from django.contrib import admin

from .admin_base import StaffAdmin
from .models import ApiToken, Role, User

admin.site.register(User, StaffAdmin)
admin.site.register(Role, StaffAdmin)
admin.site.register(ApiToken, StaffAdmin)
