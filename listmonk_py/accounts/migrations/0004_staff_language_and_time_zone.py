from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("accounts", "0003_api_users_have_no_email")]

    operations = [
        migrations.AddField(
            model_name="user",
            name="language",
            field=models.TextField(blank=True, db_default="", default=""),
        ),
        migrations.AddField(
            model_name="user",
            name="time_zone",
            field=models.TextField(blank=True, db_default="", default=""),
        ),
    ]
