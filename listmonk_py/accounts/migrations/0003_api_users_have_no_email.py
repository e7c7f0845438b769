from django.db import migrations, models

# Backwards, the column refuses NULL again.
GIVE_ADDRESSES = "UPDATE accounts_user SET email = username || '@api' WHERE email IS NULL"


class Migration(migrations.Migration):
    dependencies = [("accounts", "0002_relations")]

    operations = [
        migrations.AlterField(
            model_name="user",
            name="email",
            field=models.TextField(blank=True, null=True, unique=True),
        ),
        migrations.RunSQL(migrations.RunSQL.noop, GIVE_ADDRESSES),
    ]
