from django.db import migrations

from portal.isolation import isolate


class Migration(migrations.Migration):

    dependencies = [
        ('terminals', '0004_usual_hours'),
        ('merchants', '0013_rows_are_their_merchants'),
    ]

    operations = [
        isolate(f"terminals_{name}") for name in ("terminaluser", "terminal", "device")
    ]
